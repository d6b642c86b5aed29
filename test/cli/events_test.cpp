// events.json: well-formed, every run is a slice, slices of a track never overlap, and all agrees with jobs.csv.

#include "cli/program.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/decimal.hpp>

#include <cmath>
#include <set>
#include <tuple>

using namespace ampacity::test;

namespace {

using json = nlohmann::json;

/// A number of microseconds in nanoseconds; it must be one exactly.
std::int64_t ns(const json& us) {
    const auto exact = static_cast<std::int64_t>(std::llround(us.get<long double>() * 1000));
    CHECK(std::abs(us.get<double>() * 1000 - static_cast<double>(exact)) < 0.25);
    return exact;
}

struct slice {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    json args;
};

/// A trace taken apart.
struct timeline {
    explicit timeline(const std::string& text) : whole(json::parse(text)) {
        for (const auto& e : whole.at("traceEvents")) {
            const auto kind = e.at("ph").get<std::string>();
            const auto process = e.at("pid").get<std::uint64_t>();
            if (kind == "X") {
                const slice s{ns(e.at("ts")), ns(e.at("ts")) + ns(e.at("dur")), e.at("args")};
                tracks[e.at("tid").get<std::uint64_t>()].push_back(s);
                processes[e.at("tid").get<std::uint64_t>()].insert(process);
                of_job[e.at("name")][s.args.at("attempt").get<std::uint64_t>()].push_back(s);
            } else if (kind == "i") {
                ++instants[{e.at("cat"), e.at("name")}];
            } else if (kind == "C") {
                last_counter[e.at("name")] = e.at("args").begin()->get<std::int64_t>();
                largest_counter[e.at("name")] =
                    std::max(largest_counter[e.at("name")], e.at("args").begin()->get<std::int64_t>());
                const auto at = std::pair{e.at("name").get<std::string>(), ns(e.at("ts"))};
                CHECK(counted.emplace(at).second);  // one point per instant
            } else {
                REQUIRE(kind == "M");
                names[{e.at("name"), process, e.at("tid").get<std::uint64_t>()}] = e.at("args").at("name");
            }
        }
    }

    json whole;
    std::map<std::uint64_t, std::vector<slice>> tracks;
    std::map<std::uint64_t, std::set<std::uint64_t>> processes;                 ///< of each track
    std::map<std::string, std::map<std::uint64_t, std::vector<slice>>> of_job;  ///< by attempt
    std::map<std::pair<std::string, std::string>, int> instants;                ///< by kind and job
    std::map<std::string, std::int64_t> last_counter, largest_counter;
    std::set<std::pair<std::string, std::int64_t>> counted;
    std::map<std::tuple<std::string, std::uint64_t, std::uint64_t>, std::string> names;
};

void check_tracks(const timeline& t) {
    for (auto [track, slices] : t.tracks) {
        INFO("track " << track);
        std::sort(slices.begin(), slices.end(),
                  [](const slice& a, const slice& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
        for (std::size_t i = 1; i < slices.size(); ++i) CHECK(slices[i].begin >= slices[i - 1].end);
        REQUIRE(t.processes.at(track).size() == 1);
        const auto process = *t.processes.at(track).begin();
        CHECK(t.names.count({"thread_name", process, track}) == 1);
        CHECK(t.names.count({"process_name", process, 0}) == 1);
    }
}

/// Every row of jobs.csv against its slices.
void check_jobs(const timeline& t, const workspace& here, bool nodes) {
    const auto rows = lines_of(here.read("out/jobs.csv"));
    std::size_t started = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const auto f = fields_of(rows[i]);
        INFO(rows[i]);
        const auto instant_count = [&](const char* kind) {
            const auto found = t.instants.find({kind, f[0]});
            return found == t.instants.end() ? 0 : found->second;
        };
        CHECK(instant_count("submit") == 1);
        CHECK(instant_count("reject") == (f[5] == "rejected" ? 1 : 0));
        CHECK(instant_count("preempt") == std::stoi(f[6]));
        const auto found = t.of_job.find(f[0]);
        CHECK((found == t.of_job.end()) == f[2].empty());
        if (found == t.of_job.end()) continue;
        ++started;
        ampacity::gpu_time spent = 0;
        std::string last;
        for (const auto& [attempt, slices] : found->second) {
            std::int64_t gpus = 0;
            for (const auto& s : slices) {
                CHECK(s.begin == slices.front().begin);
                CHECK(s.end == slices.front().end);
                CHECK(s.args.at("gpus").get<std::uint64_t>() == std::stoull(f[4]));
                gpus += nodes ? s.args.at("node_gpus").get<std::int64_t>() : s.args.at("gpus").get<std::int64_t>();
                last = s.args.at("end");
            }
            CHECK(gpus == std::stoll(f[4]));
            spent += ampacity::gpu_time{gpus} * (slices.front().end - slices.front().begin);
        }
        const auto& runs = found->second;
        CHECK(ampacity::format_ns_as_seconds(runs.begin()->second.front().begin) == f[2]);
        CHECK(ampacity::format_gpu_seconds(spent) == f[8]);
        CHECK(last == (f[5] == "unfinished" && runs.size() == std::stoull(f[6]) ? "preempted" : f[5]));
        if (f[5] == "finished") CHECK(ampacity::format_ns_as_seconds(runs.rbegin()->second.front().end) == f[3]);
    }
    CHECK(started == t.of_job.size());
}

std::string random_trace(const naive::fleet& where) {
    std::string text = "job_id,submit_s,gpus,duration_s,user\n";
    const auto jobs = naive::random_workload(5, naive::flavour::mixed, where, 300, false);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        text += std::to_string(i) + ',' + ampacity::format_ns_as_seconds(jobs[i].submit_ns) + ',' +
                std::to_string(jobs[i].gpus) + ',' + ampacity::format_ns_as_seconds(jobs[i].duration_ns) + ",u" +
                std::to_string(i % 5) + '\n';
    }
    return text;
}

}  // namespace

TEST_CASE("every run is a slice of events.json") {
    const bool nodes = GENERATE(false, true);
    const std::string policy = GENERATE("fifo", "srtf", "las");
    INFO(policy << (nodes ? " on nodes" : " on a pool"));
    naive::fleet where;
    if (nodes) {
        where.nodes = 6;
        where.gpus_per_node = 8;
    } else {
        where.pool_gpus = 48;
    }
    const workspace here{
        with(small_scenario, "pool_gpus: 4", nodes ? "nodes: { gpus: 8, count: 6 }" : "pool_gpus: 48") +
            "output: { events: true }\n",
        random_trace(where)};
    here.run_well({"--policy", policy, "--set", "until=" + std::string{GENERATE("drained", "20 min")}});
    const timeline t{here.read("out/events.json")};
    check_tracks(t);
    check_jobs(t, here, nodes);
    CHECK(t.largest_counter.at("busy GPUs") <= 48);
    CHECK(t.largest_counter.at("busy GPUs") > 8);
    CHECK(t.tracks.size() > 4);
    CHECK(t.tracks.size() <= 48);
    if (here.summary().number("jobs.unfinished") == 0) {
        CHECK(t.last_counter.at("busy GPUs") == 0);
        CHECK(t.last_counter.at("queue length") == 0);
    }
    const auto& slices = t.tracks.begin()->second;
    CHECK(slices.front().args.at("user").get<std::string>().substr(0, 1) == "u");
}

TEST_CASE("events.json worked out by hand") {
    const workspace here{small_scenario + "output: { events: true }\n",
                         header + "\"q\"\"\\\xc3\xa9\xff\",0,2,10.000000001\nb,1.5,4,5\nc,2,9,1\n"};
    here.run_well();
    const std::string q = R"("q\"\\é�")";
    CHECK(here.read("out/events.json") ==
          R"({"traceEvents":[
{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"cluster"}},
{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"submits"}},
{"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"preemptions"}},
{"ph":"M","pid":1,"tid":3,"name":"thread_name","args":{"name":"rejections"}},
{"ph":"i","pid":1,"tid":1,"s":"t","ts":0,"cat":"submit","name":)" +
              q + R"(,"args":{"gpus":2}},
{"ph":"M","pid":2,"tid":0,"name":"process_name","args":{"name":"pool"}},
{"ph":"M","pid":2,"tid":16,"name":"thread_name","args":{"name":"lane 0"}},
{"ph":"C","pid":1,"ts":0,"name":"queue length","args":{"jobs":0}},
{"ph":"C","pid":1,"ts":0,"name":"busy GPUs","args":{"GPUs":2}},
{"ph":"i","pid":1,"tid":1,"s":"t","ts":1500000,"cat":"submit","name":"b","args":{"gpus":4}},
{"ph":"C","pid":1,"ts":1500000,"name":"queue length","args":{"jobs":1}},
{"ph":"i","pid":1,"tid":1,"s":"t","ts":2000000,"cat":"submit","name":"c","args":{"gpus":9}},
{"ph":"i","pid":1,"tid":3,"s":"t","ts":2000000,"cat":"reject","name":"c","args":{"gpus":9}},
{"ph":"X","pid":2,"tid":16,"ts":0,"dur":10000000.001,"cat":"run","name":)" +
              q + R"(,"args":{"gpus":2,"attempt":1,"end":"finished"}},
{"ph":"C","pid":1,"ts":10000000.001,"name":"queue length","args":{"jobs":0}},
{"ph":"C","pid":1,"ts":10000000.001,"name":"busy GPUs","args":{"GPUs":4}},
{"ph":"X","pid":2,"tid":16,"ts":10000000.001,"dur":5000000,"cat":"run","name":"b","args":{"gpus":4,"attempt":1,"end":"finished"}},
{"ph":"C","pid":1,"ts":15000000.001,"name":"queue length","args":{"jobs":0}},
{"ph":"C","pid":1,"ts":15000000.001,"name":"busy GPUs","args":{"GPUs":0}}
],"displayTimeUnit":"ms","otherData":{"scenario":"small"}}
)");
    const auto first = here.read("out/events.json");
    const auto jobs = here.read("out/jobs.csv");
    here.run_well();
    CHECK(here.read("out/events.json") == first);
    here.run_well({"--set", "output.events=false"});
    CHECK_FALSE(here.has("out/events.json"));
    CHECK(here.read("out/jobs.csv") == jobs);
}

TEST_CASE("an empty trace has an events.json without slices") {
    const workspace here{small_scenario + "output: { events: true }\n", header};
    here.run_well();
    const timeline t{here.read("out/events.json")};
    CHECK(t.tracks.empty());
    CHECK(t.last_counter.at("busy GPUs") == 0);
}
