#include "page.hpp"

#include "encode.hpp"

#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <utility>

namespace ampacity::report {
namespace {

constexpr std::string_view page_style = R"(
:root{color-scheme:light dark;--back:#fff;--text:#1f2328;--dim:#59636e;--line:#d8dee4;--panel:#f6f8fa;
--warn:#fff3d6;--warn-line:#e69f00;--accent:#0072b2}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){--back:#0f1419;--text:#e6edf3;
--dim:#9198a1;--line:#2d343c;--panel:#171d24;--warn:#33270b;--warn-line:#f0b03a;--accent:#4aa8e8}}
@media screen{:root[data-theme=dark]{color-scheme:dark;--back:#0f1419;--text:#e6edf3;--dim:#9198a1;--line:#2d343c;
--panel:#171d24;--warn:#33270b;--warn-line:#f0b03a;--accent:#4aa8e8}
:root[data-theme=light]{color-scheme:light}}
@media print{:root{color-scheme:light}.tools,output,#theme{display:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);line-height:1.45;
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:28px 24px 48px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 10px}
h3{font-size:15px;font-weight:600;margin:18px 0 6px;overflow-wrap:anywhere}
.sub{margin:6px 0 0;color:var(--dim)}
.sub b{color:var(--text);font-weight:600}
.band{margin:18px 0 0;padding:10px 14px;border:1px solid var(--line);border-left-width:5px;border-radius:6px;
background:var(--panel)}
.band.warning{background:var(--warn);border-color:var(--warn-line)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:10px;margin:20px 0 0}
.card{border:1px solid var(--line);border-radius:8px;padding:10px 12px;background:var(--panel)}
.card span{display:block;color:var(--dim);font-size:12.5px;line-height:1.35;white-space:pre-line}
.card b{display:block;font-size:22px;font-weight:600;margin:2px 0;white-space:nowrap;font-variant-numeric:tabular-nums}
.card b.long{font-size:16px;margin:7px 0}
section{margin:34px 0 0}
figure{margin:0}
figcaption,.note{color:var(--dim);font-size:13.5px;margin:6px 0 0;max-width:940px}
.chart{display:block;width:100%;min-width:660px;height:auto;overflow:visible}
.scroll{overflow-x:auto}
.scroll table{margin:12px 0 0}
table{border-collapse:collapse;font-size:14px;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--dim);border-bottom:1px solid var(--line);
padding:5px 10px;vertical-align:bottom}
td{border-bottom:1px solid var(--line);padding:5px 10px;overflow-wrap:anywhere}
th:first-child,td:first-child{padding-left:2px;min-width:7.5em}
th.n,td.n{text-align:right;white-space:nowrap;overflow-wrap:normal}
td small{display:block;color:var(--dim);font-size:12px}
tr.total td{font-weight:600}
i.key{display:inline-block;width:11px;height:11px;border-radius:3px;background:currentColor;margin-right:8px}
details{margin:14px 0 0;border:1px solid var(--line);border-radius:8px;padding:10px 14px}
summary{cursor:pointer;font-weight:600}
pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
overflow-x:auto;margin:10px 0 2px}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
canvas.wide{display:block;width:100%;border:1px solid var(--line);border-radius:6px;touch-action:pan-y}
canvas.wide:focus-visible,svg.chart:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.tools{display:flex;flex-wrap:wrap;gap:6px 8px;align-items:center;margin:0 0 8px;font-size:13px;color:var(--dim)}
.tools[hidden]{display:none}
button,select{font:13px system-ui,sans-serif;color:var(--text);background:var(--panel);border:1px solid var(--line);
border-radius:6px;padding:4px 10px;cursor:pointer}
button:hover,select:hover{border-color:var(--accent)}
button[aria-pressed=false]{opacity:.5;text-decoration:line-through}
#theme{position:absolute;top:16px;right:20px}
.tools i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:4px;vertical-align:-1px}
output{display:block;min-height:1.5em;font-size:13px;color:var(--text);font-variant-numeric:tabular-nums}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:16px 0 0;font-size:13.5px}
nav a{color:var(--accent);text-decoration:none}
nav a:hover{text-decoration:underline}
svg .cursor{stroke:var(--accent);stroke-width:1;pointer-events:none}
footer{margin:36px 0 0;color:var(--dim);font-size:13px}
@media print{
@page{margin:14mm}
body{font-size:10pt}
table{font-size:9pt}
th,td{padding:3px 6px}
th.n{white-space:normal}
.scroll,pre{overflow:visible}
main{max-width:none;padding:0}
.chart,.card,.band,i.key{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.chart{min-width:0}
.cards{grid-template-columns:repeat(4,1fr)}
figure,.card,.band,tr{break-inside:avoid}
h2{break-after:avoid}
thead{display:table-header-group}
pre{white-space:pre-wrap}
details::details-content{content-visibility:visible;height:auto}
}
)";

}  // namespace

void append(std::string& to, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) to += part;
}

template <class Cells>
void html_table::add_heads(const Cells& heads) {
    rows_ = "<thead><tr>";
    std::size_t column = 0;
    for (const std::string_view head : heads) {
        append(rows_, {"<th scope=\"col\"", column++ < text_columns_ ? ">" : " class=\"n\">", escape(head), "</th>"});
    }
    rows_ += "</tr></thead>\n<tbody>\n";
}

template <class Cells>
void html_table::add_row(const Cells& html_cells) {
    rows_ += "<tr>";
    std::size_t column = 0;
    for (const std::string_view cell : html_cells) {
        append(rows_, {column++ < text_columns_ ? "<td>" : "<td class=\"n\">", cell, "</td>"});
    }
    rows_ += "</tr>\n";
}

html_table::html_table(std::initializer_list<std::string_view> heads, std::size_t text_columns)
    : text_columns_(text_columns) {
    add_heads(heads);
}
html_table::html_table(const std::vector<std::string>& heads, std::size_t text_columns) : text_columns_(text_columns) {
    add_heads(heads);
}
void html_table::row(std::initializer_list<std::string_view> html_cells) { add_row(html_cells); }
void html_table::row(const std::vector<std::string>& html_cells) { add_row(html_cells); }

std::string html_table::str() const { return "<div class=\"scroll\"><table>\n" + rows_ + "</tbody>\n</table></div>\n"; }

page::page(std::string_view title, std::vector<script> scripts) : scripts_(std::move(scripts)) {
    std::string allowed;
    for (const script& s : scripts_) allowed += (allowed.empty() ? "; script-src " : " ") + csp_source(s.sha256);
    append(out_,
           {"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" "
            "content=\"default-src 'none'; style-src 'unsafe-inline'",
            allowed,
            "\">\n"
            "<title>",
            escape(title), "</title>\n<style>", page_style, chart_style(), "</style>\n</head>\n<body>\n<main>\n"});
}

void page::heading(std::string_view title, std::string_view html_below) {
    append(out_, {"<header>\n<h1>", escape(title), "</h1>\n<p class=\"sub\">", html_below, "</p>\n</header>\n"});
}

void page::band(band_kind kind, std::string_view strong, std::string_view text) {
    append(out_, {"<div class=\"band", kind == band_kind::warning ? " warning" : "", "\" role=\"note\"><strong>",
                  escape(strong), "</strong> ", escape(text), "</div>\n"});
}

void page::begin_cards() { out_ += "<div class=\"cards\">\n"; }

void page::card(std::string_view name, std::string_view value, std::string_view below) {
    const bool is_long = text_width(value) > 60;
    append(out_, {"<div class=\"card\"><span>", escape(name), "</span><b", is_long ? " class=\"long\">" : ">",
                  escape(value), "</b><span>", escape(below), "</span></div>\n"});
}

void page::end_cards() { out_ += "</div>\n"; }

void page::begin_section(std::string_view title) { append(out_, {"<section>\n<h2>", escape(title), "</h2>\n"}); }

void page::subheading(std::string_view title) { append(out_, {"<h3>", escape(title), "</h3>\n"}); }

void page::end_section() { out_ += "</section>\n"; }

void page::paragraph(std::string_view text) { append(out_, {"<p class=\"note\">", escape(text), "</p>\n"}); }

void page::figure(std::string_view html_chart, std::string_view caption) {
    append(out_, {"<figure>\n<div class=\"scroll\">\n", html_chart, "</div>\n"});
    if (!caption.empty()) append(out_, {"<figcaption>", escape(caption), "</figcaption>\n"});
    out_ += "</figure>\n";
}

void page::table(const html_table& rows) { out_ += rows.str(); }

void page::details(std::string_view summary, std::string_view html_content) {
    append(out_, {"<details>\n<summary>", escape(summary), "</summary>\n", html_content, "</details>\n"});
}

std::string page::finish(std::string_view footer) && {
    append(out_, {"<footer>", escape(footer), "</footer>\n</main>\n"});
    for (const script& s : scripts_) append(out_, {"<script>", s.text, "</script>\n"});
    out_ += "</body>\n</html>\n";
    return std::move(out_);
}

}  // namespace ampacity::report
