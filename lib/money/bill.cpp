#include <ampacity/money/bill.hpp>

#include <algorithm>
#include <string>

namespace ampacity::money {

bill::bill(const scenario::contract& of, scenario::date start, std::span<const sim::fleet_group> groups,
           std::span<const holding> standing, instant end)
    : of_(of), start_(start), groups_(groups.begin(), groups.end()) {
    const instant from = of.from ? at(*of.from) : start_of_time;
    term_end_ = !of.term ? never : from < start_of_time ? from + *of.term : add_saturating(from, *of.term);
    begin_ = std::clamp(from, start_of_time, end);
    end_ = std::clamp(term_end_, begin_, end);
    const std::vector<instant> edges = changes(standing);
    std::vector<std::uint64_t> gpus(groups.size());
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        std::fill(gpus.begin(), gpus.end(), 0);
        for (const holding& h : standing) {
            if (h.from <= edges[i] && edges[i] < h.to) gpus[h.group] += h.gpus;
        }
        stretch s{.from = edges[i], .to = edges[i + 1], .site_usd_s = {}};
        price(s, gpus);
        stretches_.push_back(std::move(s));
    }
    settle(standing, end);
}

/// Dates that simulated time does not reach are its ends.
instant bill::at(scenario::date d) const {
    const auto half = d.time_since_epoch() / 2 - start_.time_since_epoch() / 2;
    if (half >= duration::max() / 2) return never;
    if (half <= duration::min() / 2) return instant::min();
    return start_of_time + (d - start_);
}

/// The latest that holds, of this type before that of all.
double bill::price_of(const std::string& gpu, instant t) const {
    const scenario::contract_price* best = nullptr;
    const auto from = [this](const scenario::contract_price& p) { return p.from ? at(*p.from) : instant::min(); };
    const bool own =
        std::any_of(of_.price.begin(), of_.price.end(), [&gpu](const auto& p) { return p.gpu && *p.gpu == gpu; });
    for (const scenario::contract_price& p : of_.price) {
        if (own ? !p.gpu || *p.gpu != gpu : p.gpu.has_value()) continue;
        if (from(p) <= t && (best == nullptr || from(p) > from(*best))) best = &p;
    }
    return best == nullptr ? 0 : best->per_gpu.value;
}

/// Between these instants all rates are constant.
std::vector<instant> bill::changes(std::span<const holding> standing) const {
    std::vector<instant> out{begin_, end_};
    const auto add = [&](instant t) {
        if (begin_ < t && t < end_) out.push_back(t);
    };
    for (const holding& h : standing) {
        add(h.from);
        add(h.to);
    }
    for (const scenario::contract_price& p : of_.price) {
        if (p.from) add(at(*p.from));
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

void bill::price(stretch& s, std::span<const std::uint64_t> gpus) const {
    double all = 0, lump_usd_s = 0;  // of a GPU
    for (const std::uint64_t n : gpus) all += static_cast<double>(n);
    if (of_.value) {
        const double usd_s = of_.value->value / to_seconds(*of_.term);
        const double due = of_.commitment ? static_cast<double>(*of_.commitment->gpus) : all;
        const double there = due > 0 ? std::min(1.0, all / due) : 0;
        if (all > 0) lump_usd_s = usd_s * there / all;
        s.missing_usd_s = of_.commitment ? usd_s * (1 - there) * take_or_pay() : all > 0 ? 0 : usd_s;
    }
    for (std::size_t g = 0; g != groups_.size(); ++g) {
        const double usd_s = static_cast<double>(gpus[g]) * (of_.value ? lump_usd_s : price_of(groups_[g].gpu, s.from));
        if (s.site_usd_s.size() <= groups_[g].site) s.site_usd_s.resize(groups_[g].site + 1);
        s.site_usd_s[groups_[g].site] += usd_s;
        s.usd_s += usd_s;
    }
    for (const scenario::contract_commitment& c : of_.commitment) {
        if (of_.value || !c.gpus) continue;
        double there = 0;
        for (std::size_t g = 0; g != groups_.size(); ++g)
            there += !c.gpu || groups_[g].gpu == *c.gpu ? static_cast<double>(gpus[g]) : 0;
        s.missing_usd_s +=
            std::max(0.0, static_cast<double>(*c.gpus) - there) * price_of(c.gpu.value_or(""), s.from) * take_or_pay();
    }
    s.usd_s += s.missing_usd_s;
}

/// GPU-hours of a term that has ended.
void bill::settle(std::span<const holding> standing, instant end_of_run) {
    if (term_end_ > end_of_run || term_end_ <= begin_) return;
    for (const scenario::contract_commitment& c : of_.commitment) {
        if (!c.gpu_hours) continue;
        gpu_time there = 0;
        for (const holding& h : standing) {
            if (!c.gpu || groups_[h.group].gpu == *c.gpu)
                there += gpu_time{ticks(time_of(h, begin_, end_))} * static_cast<gpu_time>(h.gpus);
        }
        const double missing_s = 3600 * std::max(0.0, *c.gpu_hours - to_gpu_hours(there));
        const instant last = term_end_ - duration{1};
        settlements_.push_back({.at = last, .usd = missing_s * price_of(c.gpu.value_or(""), last) * take_or_pay()});
    }
}

payment bill::between(instant from, instant to) const {
    payment sum;
    for (const stretch& s : stretches_) {
        const double seconds = to_seconds(std::max(duration::zero(), std::min(to, s.to) - std::max(from, s.from)));
        sum.usd += s.usd_s * seconds;
        sum.missing_usd += s.missing_usd_s * seconds;
    }
    for (const settlement& s : settlements_) {
        if (from > s.at || s.at >= to) continue;
        sum.usd += s.usd;
        sum.missing_usd += s.usd;
    }
    return sum;
}

double bill::of_site(std::uint32_t site, instant from, instant to) const {
    double usd = 0;
    for (const stretch& s : stretches_) {
        if (site >= s.site_usd_s.size()) continue;
        usd += s.site_usd_s[site] * to_seconds(std::max(duration::zero(), std::min(to, s.to) - std::max(from, s.from)));
    }
    return usd;
}

}  // namespace ampacity::money
