#include <ampacity/workload/request_presets.hpp>

#include <array>
#include <cstddef>

namespace ampacity::workload {
namespace {

/// Shares of the requests that are at most as long: every 2 % below 96 %, and finer at the end.
constexpr std::size_t num_points = 55;
using table = std::array<std::uint32_t, num_points>;

constexpr table azure_conv_prompt{2,    91,   181,  191,  201,  207,  222,  317,  375,  381,  387,  392,  395,  398,
                                  400,  403,  406,  411,  419,  433,  703,  903,  972,  994,  1009, 1020, 1031, 1041,
                                  1050, 1060, 1071, 1081, 1092, 1102, 1116, 1130, 1147, 1171, 1215, 1311, 1315, 1369,
                                  1690, 2032, 2402, 2735, 4073, 4079, 4083, 4086, 4098, 4142, 4831, 6212, 14050};
constexpr table azure_conv_output{7,   24,  38,  44,  49,  54,  59,  64,  69,  73,  77,  81,  84,  86,
                                  89,  91,  93,  95,  97,  100, 103, 107, 110, 116, 122, 129, 137, 145,
                                  156, 163, 177, 190, 216, 237, 375, 384, 390, 394, 396, 397, 400, 404,
                                  410, 414, 417, 424, 429, 442, 451, 468, 540, 601, 644, 954, 1000};
constexpr table mooncake_prompt{891,   896,   899,   904,   919,   964,   1066,  1196,  1324,   1479,   1662,
                                1878,  2137,  2478,  2840,  3263,  3709,  4077,  4390,  4700,   4993,   5272,
                                5687,  6070,  6488,  6909,  7402,  7911,  8452,  8951,  9570,   10160,  10880,
                                11613, 12318, 13196, 14018, 14901, 15758, 16769, 17869, 19047,  20589,  22665,
                                24832, 27367, 30466, 35011, 39552, 44629, 66484, 85401, 100886, 121301, 126195};
constexpr table mooncake_output{1,   3,   8,   13,  18,  24,  30,  39,  56,  79,   100,  122,  144, 169,
                                193, 213, 230, 247, 265, 278, 291, 305, 317, 328,  339,  350,  361, 370,
                                380, 390, 399, 408, 418, 427, 438, 447, 457, 466,  477,  491,  504, 519,
                                535, 551, 571, 597, 628, 670, 698, 738, 893, 1120, 1570, 2000, 2000};
constexpr table arxiv_prompt{1,    229,  608,  862,  1068, 1242, 1386, 1507, 1614, 1711, 1802, 1878, 1950, 2020,
                             2086, 2150, 2213, 2274, 2337, 2393, 2453, 2512, 2567, 2623, 2677, 2730, 2783, 2835,
                             2887, 2944, 2996, 3049, 3100, 3151, 3201, 3249, 3299, 3347, 3392, 3441, 3490, 3530,
                             3576, 3617, 3661, 3702, 3747, 3792, 3813, 3837, 3892, 3934, 3963, 4012, 4054};
constexpr table arxiv_output{5,   44,  56,  65,  72,  78,  84,  90,   95,   100,  104,  109,  113, 117,
                             121, 125, 129, 133, 137, 141, 145, 150,  154,  158,  162,  167,  172, 176,
                             182, 187, 192, 198, 203, 209, 215, 222,  230,  238,  247,  257,  268, 281,
                             296, 315, 339, 372, 420, 536, 737, 1324, 2775, 3273, 3583, 3845, 4056};

token_lengths lengths_of(const table& tokens) {
    std::vector<empirical_distribution::point> points;
    for (std::size_t i = 0; i != num_points; ++i) {
        constexpr std::array tail{0.95, 0.96, 0.98, 0.99, 0.995, 0.999, 1.0};
        points.push_back({i < 48 ? static_cast<double>(i) / 50 : tail[i - 48], static_cast<double>(tokens[i])});
    }
    return token_lengths({{1, empirical_distribution{std::move(points), interpolation::linear}}}, tokens.back());
}

}  // namespace

const std::vector<request_preset>& request_presets() {
    static const std::vector<request_preset> all{
        {.name = "azure-conv-2023",
         .source = "Azure/AzurePublicDataset, AzureLLMInferenceTrace_conv.csv (CC-BY 4.0): 19,366 requests of one hour",
         .cv = 1.094,
         .prompt = lengths_of(azure_conv_prompt),
         .output = lengths_of(azure_conv_output)},
        {.name = "mooncake-conversation",
         .source = "kvcache-ai/Mooncake, FAST25 conversation_trace.jsonl (Apache-2.0): 12,031 requests of one hour",
         .cv = 3.034,
         .prompt = lengths_of(mooncake_prompt),
         .output = lengths_of(mooncake_output)},
        {.name = "arxiv-summarization",
         .source = "microsoft/vidur, arxiv_summarization lengths, Llama 2 tokens (MIT): 28,257 requests without times",
         .cv = 1,
         .prompt = lengths_of(arxiv_prompt),
         .output = lengths_of(arxiv_output)}};
    return all;
}

const request_preset* find_request_preset(std::string_view name) {
    for (const request_preset& p : request_presets()) {
        if (p.name == name) return &p;
    }
    return nullptr;
}

}  // namespace ampacity::workload
