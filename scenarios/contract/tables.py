#!/usr/bin/env python3
"""tables.py FOLDER [WHAT-MATTERS.db SPREAD.db]: the tables and figures of docs/studies/seven-years.md."""
import csv
import json
import sqlite3
import sys

SITES = ["ohio", "dallas", "oregon", "stockholm", "aragon"]


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def headlines(s, years):
    full = [row for row in years if row["site"] == "all" and 2028 <= int(row["year"]) <= 2031]

    def mean(column):
        return sum(float(row[column]) for row in full) / len(full)

    peak_twh = max(float(row["facility_kwh"]) / float(row["hours"]) * 8760 for row in years if row["site"] == "all") * 1e-9
    rows = [
        ("racks", 2870, s["build_out"]["racks"], "the same 206,640 GPUs"),
        ("GPU-hours in the term [1e9]", 11.6, s["contract"]["gpu_hours"] * 1e-9, "a ramp of 59.8 weeks, and two leap days"),
        ("USD per GPU-hour", 3.27, s["contract"]["usd_per_gpu_hour"], "value / hours in service"),
        ("revenue a year [1e9 USD]", 5.43, mean("contract_usd") * 1e-9, "38 / 7"),
        ("racks a week", 48, s["build_out"]["racks_per_week"], "late halls, rework"),
        ("IT at nameplate [MW]", 387, s["power_w"]["nameplate"] * 1e-6, "racks of the catalogue, not 135 kW each"),
        ("energy a year at nameplate [TWh], at most", 3.8, peak_twh, "what is drawn in the busiest year, nameplate is an upper bound"),
        ("energy cost a year [1e6 USD]", 285, mean("energy_usd") * 1e-6, "less energy, and prices of the five regions"),
        ("carbon a year, all in PJM [Mt]", 1.5, mean("carbon_location_kg") * 1e-9, "less energy, and five grids"),
        ("failures a day", 98, s["failures"]["total"] * 86400 / s["simulated_s"],
         "three times the rate in the first 90 days, none before a rack has come"),
    ]
    table(["headline", "published or derived", "simulated", "ratio", "why"],
          [(what, f"{fact:,}", f"{here:,.4g}".replace("e+03", "e3"), f"{here / fact:.3f}", why) for what, fact, here, why in rows])


def by_year(years):
    rows = []
    for r in years:
        if r["site"] != "all":
            continue
        hours = float(r["gpu_hours_in_service"])
        rows.append((r["year"], f"{hours / 1e9:.3f}", f"{100 * float(r['gpu_hours_useful']) / hours:.1f} %",
                     f"{float(r['facility_kwh']) / 1e9:.3f}", f"{float(r['pue']):.3f}",
                     f"{float(r['carbon_location_kg']) / 1e9:.3f}",
                     f"{float(r['interruptions']) / float(r['hours']) * 24:.0f}", f"{float(r['output_tokens']) / 1e12:,.0f}"))
    table(["year", "GPU-hours in service [1e9]", "useful", "energy [TWh]", "PUE", "CO2e by location [Mt]",
           "interruptions a day", "tokens out [1e12]"], rows)


def by_site(s):
    rows = []
    for site in SITES:
        r = s["sites"][site]
        g, tokens = r["gpu_hours"], r["services"]["output_tokens"]
        rows.append((site, f"{g['capacity'] / 1e9:.2f}", f"{100 * g['useful'] / g['capacity']:.1f} %",
                     f"{100 * g['lost'] / g['capacity']:.1f} %", f"{100 * g['idle'] / g['capacity']:.1f} %",
                     f"{r['energy_kwh']['facility'] / 1e9:.2f}", f"{r['pue']:.2f}",
                     f"{r['carbon_kg']['location'] / r['energy_kwh']['facility'] * 1000:.0f}",
                     f"{1000 * r['cost_usd']['energy'] / r['energy_kwh']['facility']:.0f}", f"{tokens / 1e12:,.0f}"))
    table(["site", "GPU-hours in service [1e9]", "useful", "lost", "idle", "energy [TWh]", "PUE", "g CO2e/kWh", "USD/MWh",
           "tokens out [1e12]"], rows)


def services(s):
    rows = []
    for name, r in s["services"].items():
        used = r["used"]
        rows.append((name, f"{r['finished'] / 1e12:.2f}", f"{r['output_tokens'] / 1e15:.2f}", f"{r['held_gpu_hours'] / 1e9:.2f}",
                     f"{r['replicas']['mean']:.0f}, {r['replicas']['max']:,}", f"{100 * r['slo_attainment']:.1f} %",
                     f"{r['contract_usd_per_million_output_tokens']:.3f}",
                     f"{used['facility_mwh'] * 1e3 / r['output_tokens'] * 1e6:.3f}",
                     f"{r['carbon_kg_per_million_output_tokens']['location'] * 1000:.0f}"))
    table(["service", "requests [1e12]", "tokens out [1e15]", "GPU-hours held [1e9]", "replicas, mean and most",
           "within the targets", "USD of the contract per 1e6 tokens", "kWh", "g CO2e"], rows)


def windows(s):
    rows = []
    for name, r in s["services"].items():
        w = r["fluid"]["windows"]
        for site, one in [("all", w)] + list(w["sites"].items()):
            if one["compared"] == 0:
                continue
            e = [one["served_per_s"], one["busy_share"], one["ttft_s"]["p50"], one["ttft_s"]["p99"], one["tpot_s"]["p50"],
                 one["tpot_s"]["p99"]]
            rows.append((f"{name}, {site}", f"{one['compared']} of {one['compared'] + one['not_compared']}",
                         *(f"{100 * x['error']:+.1f} %".replace("-", "−") if "error" in x else "" for x in e)))
    table(["windows", "compared", "served", "busy", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99"], rows)


def training(s):
    rows = []
    for site in SITES:
        of = [r for name, r in s["training"].items() if name.startswith(site + "-")]
        elapsed = sum(r["hours"]["elapsed"] for r in of)
        done = [r for r in of if r["finished"]]

        def share(what):
            return f"{100 * sum(r['hours'][what] for r in of) / elapsed:.1f} %"

        def mean(what):
            return sum(r["used"][what] for r in done) / max(1, len(done))

        rows.append((site, f"{of[0]['gpus']:,}", f"{len(done)} of 6", share("training"), share("lost"), share("restart"),
                     share("waiting"), f"{mean('contract_usd') / 1e6:,.0f}e6", f"{mean('facility_mwh') / 1e3:,.0f}",
                     f"{mean('carbon_location_t') / 1e3:,.0f}"))
    table(["site", "GPUs of a campaign", "campaigns finished", "effective training time", "lost", "restarts", "waiting",
           "USD of the contract per campaign", "GWh", "kt CO2e"], rows)


def figures(s):
    g, c, cap = s["gpu_hours"], s["contract"], s["contract"]["capital"]
    for name in ["useful", "lost", "restart", "checkpoint", "down", "idle"]:
        print(f"{name}: {100 * g[name] / g['capacity']:.1f} %")
    print(f"GPU-hours {g['capacity'] / 1e9:.2f}e9, {c['usd_per_gpu_hour']:.3f} USD each, {c['usd_per_useful_gpu_hour']:.3f} a useful one")
    for name in ["total_usd", "racks_usd", "facility_usd", "interest_usd", "maintenance_usd", "energy_usd", "demand_usd"]:
        print(f"provider {name}: {cap[name] / 1e9:.2f}e9")
    print(f"provider per GPU-hour: {cap['usd_per_gpu_hour']:.2f}; energy of the contract: {100 * cap['energy_usd'] / c['paid_usd']:.1f} %")
    e, k, p = s["energy_kwh"], s["carbon_kg"], s["power_w"]
    print(f"energy: {e['it'] / 1e9:.2f} TWh IT, {e['facility'] / 1e9:.2f} with losses and cooling; PUE {s['pue']:.3f}, "
          f"{s['pue_without_losses']:.3f} without electrical losses; peak {p['peak'] / 1e6:.0f} of {p['nameplate'] / 1e6:.0f} MW")
    print(f"carbon [Mt]: {k['location'] / 1e9:.2f} by location, {k['marginal'] / 1e9:.2f} marginal, "
          f"{k['market'] / 1e9:.2f} by contracts, {k['embodied'] / 1e9:.2f} embodied")
    print(f"g per useful GPU-hour by location: {1000 * s['carbon_kg_per_useful_gpu_hour']['location']:.0f}")
    print(f"feeds: {s['feeds']}")
    print()


def values_of(file):
    """By case, metric and replication."""
    db = sqlite3.connect(file)
    values = {}
    for case, seed, name, value in db.execute(
            "select p.value, t.replication, m.name, m.value from trial t join param p on p.trial = t.id and p.path = 'case' "
            "join metric m on m.trial = t.id where t.status = 'done' order by t.id"):
        values.setdefault(case.strip('"'), {}).setdefault(name, {})[seed] = value
    return values


def mean(of):
    return sum(of.values()) / len(of)


def what_matters(file):
    """Each case against the base on the same seeds."""
    values = values_of(file)
    base = values["base"]

    def change(v, name):
        return f"{100 * (sum(v[name][k] / base[name][k] for k in v[name]) / len(v[name]) - 1):+.1f} %".replace("-", "−")

    rows = [("base", f"{mean(base['contract.usd_per_useful_gpu_hour']):.2f}", f"{mean(base['gpu_hours.useful']) / 1e9:.2f}e9",
             f"{mean(base['energy_kwh.facility']) / 1e9:.1f} TWh", f"{mean(base['carbon_kg.location']) / 1e9:.2f} Mt",
             f"{100 * mean(base['services.assistant.slo_attainment']):.1f} %")]
    for case, v in values.items():
        if case != "base":
            rows.append((case, change(v, "contract.usd_per_useful_gpu_hour"), change(v, "gpu_hours.useful"),
                         change(v, "energy_kwh.facility"), change(v, "carbon_kg.location"),
                         f"{100 * mean(v['services.assistant.slo_attainment']):.1f} %"))
    table(["otherwise", "USD per useful GPU-hour", "useful GPU-hours", "energy", "CO2e by location", "within the targets"], rows)


def spread(file):
    """What seeds alone move."""
    rows = []
    for name, of in values_of(file)["base"].items():
        least, most, middle = min(of.values()), max(of.values()), mean(of)
        rows.append((f"`{name}`", f"{middle:,.4g}", f"{least:,.4g}", f"{most:,.4g}", f"{100 * (most - least) / middle:.2f} %"))
    table(["of six seeds", "mean", "least", "most", "most - least"], rows)


with open(f"{sys.argv[1]}/summary.json") as file:
    summary = json.load(file)
with open(f"{sys.argv[1]}/years.csv") as file:
    years_of_run = list(csv.DictReader(file))
headlines(summary, years_of_run)
by_year(years_of_run)
by_site(summary)
services(summary)
training(summary)
windows(summary)
figures(summary)
if len(sys.argv) > 3:
    what_matters(sys.argv[2])
    spread(sys.argv[3])
