#pragma once
/// \file
/// The frame of a page: its style, and the few kinds of elements that reports are made of.
///
/// Arguments named `html` are put in as they are; all others are escaped. One thread per object.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::report {

void append(std::string& to, std::initializer_list<std::string_view> parts);

/// A table whose first columns are text and whose others are numbers.
class html_table {
public:
    html_table(std::initializer_list<std::string_view> heads, std::size_t text_columns);
    html_table(const std::vector<std::string>& heads, std::size_t text_columns);
    void row(std::initializer_list<std::string_view> html_cells);
    void row(const std::vector<std::string>& html_cells);
    [[nodiscard]] std::string str() const;

private:
    template <class Cells>
    void add_heads(const Cells& heads);
    template <class Cells>
    void add_row(const Cells& html_cells);

    std::size_t text_columns_;
    std::string rows_;
};

/// The text of a script, and its SHA-256 in hexadecimal digits.
struct script {
    std::string_view text;
    std::string_view sha256;
};

enum class band_kind : std::uint8_t { note, warning };

/// A page that grows from the top.
class page {
public:
    /// The page runs these scripts, at its end, and no others.
    explicit page(std::string_view title, std::vector<script> scripts = {});

    void heading(std::string_view title, std::string_view html_below);
    void band(band_kind kind, std::string_view strong, std::string_view text);
    /// One of the key figures; `below` explains it.
    void begin_cards();
    void card(std::string_view name, std::string_view value, std::string_view below);
    void end_cards();
    void begin_section(std::string_view title);
    void subheading(std::string_view title);
    void end_section();
    void paragraph(std::string_view text);
    void figure(std::string_view html_chart, std::string_view caption);
    void table(const html_table& rows);
    void details(std::string_view summary, std::string_view html_content);
    void raw(std::string_view html) { out_ += html; }
    /// Ends the page with its scripts.
    [[nodiscard]] std::string finish(std::string_view footer) &&;

private:
    std::string out_;
    std::vector<script> scripts_;
};

}  // namespace ampacity::report
