// Pages of `ampacity report` in a browser without a screen: they render, say nothing on the console, ask for nothing
// from the network, and do what a reader asks of them.
#include "program.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

using namespace ampacity::test;

namespace {

/// The browser; empty where there is none.
std::string browser() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
        try {
            if (run_process({name, "--version"}).status == 0) return name;
        } catch (const std::system_error&) {
            continue;
        }
    }
    return {};
}

/// What the browser made of a page.
struct rendered {
    std::string document;
    std::string console;
    std::string requests;
};

rendered render(const std::string& program, const workspace& here, const std::string& page) {
    const auto log = here.path("net.json").string();
    const auto out =
        run_process({program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-extensions", "--user-data-dir=" + here.path("profile").string(),
                     "--window-size=1100,900", "--enable-logging=stderr", "--v=0", "--log-net-log=" + log,
                     "--virtual-time-budget=20000", "--dump-dom", "file://" + here.path(page).string()},
                    {.timeout = std::chrono::milliseconds{120'000}});
    CHECK_FALSE(out.timed_out);
    CHECK(out.status == 0);
    rendered r{.document = out.out, .console = {}, .requests = {}};
    for (const std::string& line : lines_of(out.err)) {
        if (contains(line, "CONSOLE")) r.console += line + '\n';
    }
    // The page asks through its renderer: each request carries the page as its initiator.
    for (const std::string& line : lines_of(read_file(log))) {
        if (contains(line, "\"initiator\":\"file://") || contains(line, "\"initiator\":\"null\""))
            r.requests += line + '\n';
    }
    return r;
}

/// The page with the self-test instead of its policy, which would not let it run.
std::string with_self_test(const std::string& page) {
    const std::string script = read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "test/cli/report_self_test.js");
    const auto policy = page.find("<meta http-equiv=\"Content-Security-Policy\"");
    const auto end = page.find('\n', policy);
    REQUIRE(policy != std::string::npos);
    std::string out = page.substr(0, policy) + page.substr(end + 1);
    const auto body = out.rfind("</body>");
    return out.insert(body, "<script>" + script + "</script>\n");
}

void check_page(const std::string& program, const workspace& here, const std::string& page) {
    const rendered as_it_is = render(program, here, page);
    CHECK(as_it_is.console == "");
    CHECK(as_it_is.requests == "");
    CHECK(contains(as_it_is.document, "id=\"theme\""));  // the policy let the page's script run
    here.write("tested.html", with_self_test(here.read(page)));
    const rendered tested = render(program, here, "tested.html");
    INFO(tested.console);
    const auto begin = tested.document.find("<pre id=\"self-test\">");
    REQUIRE(begin != std::string::npos);
    CHECK(tested.document.substr(begin, tested.document.find(" :end", begin) - begin) ==
          "<pre id=\"self-test\">self-test: passed");
    CHECK(tested.console == "");
}

const std::string hostile = "</script><script>window.injected=1</script>";

const std::string serving = R"(ampacity: 1
name: "<img src=x onerror=window.injected=1>"
seed: 1
start: 2027-12-31T23:58:00Z
until: drained
fleet: { nodes: { gpus: 8, count: 4 } }
workload:
  - service:
      name: "<img src=y onerror=window.injected=1>"
      replicas: 1
      gpus_per_replica: 8
      router: round-robin
      engine:
        max_seqs: 64
        max_batched_tokens: 2048
        kv_capacity_tokens: 60000
        kv_block_tokens: 16
        step: { base: "5 ms", per_token: "20 us", per_kv_token: "30 ns", per_prefill_attention: "1 ns" }
      synthetic:
        requests: 2000
        rate: "3 /s"
        prompt: { median: "500 token", sigma: 0.8, max: "4000 token" }
        output: { median: "129 token", sigma: 1, max: "1000 token" }
  - trace: { path: jobs.csv }
scheduler: { policy: easy }
output: { requests: true, placement: true, telemetry: "1 min", years: true }
)";

}  // namespace

TEST_CASE("a report of a run works in a browser", "[report][browser]") {
    const std::string program = browser();
    if (program.empty()) {
        WARN("AMPACITY_SKIP: no chromium");
        return;
    }
    std::string jobs = equal_jobs(200, 5, 3, 100);
    jobs.replace(jobs.find("job7,"), 4, hostile);
    const workspace here{serving, jobs};
    here.run_well();
    REQUIRE(here.call({"report", "out"}).status == 0);
    CHECK(contains(here.read("out/report.html"), "2028, useful: "));
    check_page(program, here, "out/report.html");
}

TEST_CASE("the checks in a browser can fail", "[report][browser]") {
    const std::string program = browser();
    if (program.empty()) {
        WARN("AMPACITY_SKIP: no chromium");
        return;
    }
    const workspace here;
    here.write("bad.html",
               "<html><body><img src=\"http://127.0.0.1:9/x.png\"><script>console.log(1)</script></body></html>");
    const rendered bad = render(program, here, "bad.html");
    CHECK(contains(bad.requests, "initiator"));
    CHECK(contains(bad.console, "CONSOLE"));
    here.write("policy.html",
               "<html><head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">"
               "</head><body><script>document.body.id = 'ran'</script></body></html>");
    const rendered refused = render(program, here, "policy.html");
    CHECK_FALSE(contains(refused.document, "<body id=\"ran\">"));
    CHECK(contains(refused.console, "Content Security Policy"));
}

TEST_CASE("a report of a sweep works in a browser", "[report][browser]") {
    const std::string program = browser();
    if (program.empty()) {
        WARN("AMPACITY_SKIP: no chromium");
        return;
    }
    const workspace here;
    here.write("base.yaml", R"(ampacity: 1
name: base
seed: 1
fleet: { pool_gpus: 16 }
workload:
  - synthetic: { jobs: 60, rate: "20 /h", duration: { median: "20 min", sigma: 1, max: "1 d" },
      gpus: [ { gpus: 1, weight: 1 }, { gpus: 8, weight: 1 } ] }
scheduler: { policy: fifo }
)");
    here.write("sweep.yaml", R"(ampacity-sweep: 1
name: "<img src=x onerror=window.injected=1>"
base: base.yaml
axes:
  scheduler.policy: [fifo, easy, sjf]
  workload.0.synthetic.rate: ["10 /h", "20 /h"]
replications: 4
seed: 7
)");
    const auto swept = here.call({"sweep", "sweep.yaml", "-o", "s.db", "-j", "1"});
    INFO(swept.err);
    REQUIRE(swept.status == 0);
    REQUIRE(here.call({"report", "s.db"}).status == 0);
    check_page(program, here, "s.html");
}

TEST_CASE("a report of a sweep is the same whatever the order of trials", "[report]") {
    const workspace here;
    here.write("sweep.yaml", R"(ampacity-sweep: 1
name: order
base: s.yaml
axes: { scheduler.policy: [fifo, easy], fleet.pool_gpus: [4, 8] }
replications: 3
seed: 7
)");
    REQUIRE(here.call({"sweep", "sweep.yaml", "-o", "whole.db", "-j", "1"}).status == 0);
    REQUIRE(here.call({"sweep", "sweep.yaml", "-o", "second.db", "-j", "1", "--shard", "2/2"}).status == 0);
    REQUIRE(here.call({"sweep", "sweep.yaml", "-o", "first.db", "-j", "1", "--shard", "1/2"}).status == 0);
    REQUIRE(here.call({"merge", "merged.db", "second.db", "first.db"}).status == 0);
    const auto whole = here.call({"report", "whole.db", "-o", "whole.html"});
    const auto merged = here.call({"report", "merged.db", "-o", "merged.html"});
    CHECK(whole.status == 0);
    CHECK(whole.out == "whole.html\n");
    CHECK(merged.status == 0);
    CHECK(here.read("whole.html") == here.read("merged.html"));
    CHECK(here.call({"report", "whole.db", "-o", "x.svg"}).status == 2);  // no variant is an end of a factor
    CHECK_FALSE(contains(here.read("whole.html"), "Tornado chart"));
    // By another parameter, to another baseline.
    CHECK(contains(here.read("whole.html"), "Differences are to fifo,"));
    REQUIRE(here.call({"report", "whole.db", "-o", "by.html", "--by", "fleet.pool_gpus", "--baseline", "8", "--metric",
                       "wait_s.mean"})
                .status == 0);
    const std::string by = here.read("by.html");
    CHECK(contains(by, "Differences are to 8,"));
    CHECK(contains(by, ">fleet.pool_gpus</th>"));
    CHECK(contains(by, "wait_s.mean [s], lower is better"));
    CHECK_FALSE(contains(by, "jct_s.mean [s], lower is better"));
    CHECK(contains(here.call({"report", "whole.db", "--baseline", "sjf"}).err, "sjf"));
    for (const auto& [option, value] :
         {std::pair{"--baseline", "sjf"}, std::pair{"--by", "fleet"}, std::pair{"--metric", "wait_s.men"}})
        CHECK(here.call({"report", "whole.db", option, value}).status == 2);
    here.write("torn.db", here.read("whole.db").substr(0, 1000));
    const auto torn = here.call({"report", "torn.db"});
    CHECK(torn.status == 3);
    CHECK(parse_message(torn.err));
}
