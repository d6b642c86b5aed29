#!/usr/bin/env python3
"""tables.py FOLDER [WHAT-MATTERS.db SPREAD.db]: the tables and figures of docs/studies/seven-years.md."""
import csv
import json
import sqlite3
import sys

SITES = ["ohio", "dallas", "oregon", "stockholm", "aragon"]
# What a case of what-matters.yaml is called.
LABELS = {
    "delay-high": "all racks 120 days later, and the first campaigns",
    "failures-low": "half the failures",
    "failures-high": "twice the failures",
    "checkpoints-low": "checkpoints every 5 minutes",
    "checkpoints-high": "checkpoints every hour",
    "restarts-low": "restarts in 2 minutes",
    "spares-low": "no spare nodes in racks",
    "demand-low": "half the requests, growing by 15 % a year",
    "demand-high": "twice the requests, growing by 45 %",
    "research-low": "half the research",
    "research-high": "half as much research again",
    "greenest": "requests and jobs to the greenest site",
    "cheapest": "requests to the cheapest site",
    "balanced": "requests and jobs evenly",
    "backfill": "jobs go past those that wait (backfill)",
    "room-low": "at most 400 replicas of the large model at a site",
    "room-high": "at most 900 of them",
    "greenest-campaigns": "jobs to the greenest site, and campaigns move there",
    "power-low": "rooms for 1/1.3 of the nameplate",
    "power-high": "rooms for 1/1.6 of the nameplate",
    "price-high": "energy at half as much again",
    "quebec-for-ohio": "the racks of Ohio in Quebec",
    "future-low": "a poor future: late, half the requests and research, twice the failures",
    "future-high": "a good one: twice the requests, more research, half the failures, checkpoints every 5 minutes, restarts in 2, evenly",
}
CAMPAIGN_GPUS = {"ohio": 24576, "dallas": 24576, "oregon": 16384, "stockholm": 12288, "aragon": 8192}


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def headlines(s, years):
    full = [row for row in years if row["site"] == "all" and 2028 <= int(row["year"]) <= 2031]
    if not full:
        sys.exit("tables.py: years.csv has none of 2028 to 2031; run the whole term")

    def mean(column):
        return sum(float(row[column]) for row in full) / len(full)

    def share(site, column):
        of = [row for row in years if row["site"] == site and 2028 <= int(row["year"]) <= 2031]
        return sum(float(row[column]) for row in of) / len(of)

    peak_twh = max(float(row["facility_kwh"]) / float(row["hours"]) * 8760 for row in years if row["site"] == "all") * 1e-9
    stockholm_kg_kwh = share("stockholm", "carbon_location_kg") / share("stockholm", "facility_kwh")
    of_nameplate = mean("facility_kwh") * 1e-9 / 3.8
    rows = [
        ("racks", 2870, s["build_out"]["racks"], "given"),
        ("GPU-hours in the term [1e9]", 11.6, s["contract"]["gpu_hours"] * 1e-9, "given, but for a ramp of 59.8 weeks and two leap days"),
        ("USD per GPU-hour", 3.27, s["contract"]["usd_per_gpu_hour"], "given: value / hours in service"),
        ("revenue a year [1e9 USD]", 5.43, mean("contract_usd") * 1e-9, "given: 38 / 7"),
        ("racks a week", 48, s["build_out"]["racks_per_week"], "given, but for late halls and rework"),
        ("weeks until all racks work", 60.4, s["build_out"]["last_s"] / 604800,
         f"the last on {s['build_out']['last_date']}, not before the end of 2026: install, burn-in and rework come on top"),
        ("IT at nameplate [MW]", 387, s["power_w"]["nameplate"] * 1e-6, "racks of the catalogue, not 135 kW each"),
        ("facility at most [MW], at PUE 1.12", 434, s["power_w"]["peak"] * s["pue"] * 1e-6, "what is drawn, with losses"),
        ("energy a year at nameplate [TWh], at most", 3.8, peak_twh, "what is drawn in the busiest year; nameplate is an upper bound"),
        ("energy a year, 2028 to 2031 [TWh]", 3.8, mean("facility_kwh") * 1e-9, "the same, on average"),
        ("energy cost a year, 2028 to 2031 [1e6 USD]", 285, mean("energy_usd") * 1e-6, "less energy, and prices of the five regions"),
        ("energy of the contract [%]", 5, 100 * s["contract"]["capital"]["energy_usd"] / s["contract"]["paid_usd"], "the same"),
        ("carbon a year, all in PJM [Mt]", 1.5, mean("carbon_location_kg") * 1e-9, f"less energy ({of_nameplate:.2f}), and five grids ({mean('carbon_location_kg') * 1e-9 / 1.5 / of_nameplate:.2f})"),
        ("carbon a year, all in Sweden [Mt]", 0.09, mean("facility_kwh") * stockholm_kg_kwh * 1e-9, "all of it at Stockholm's intensity"),
        ("embodied in racks [Mt]", 0.10, s["carbon_kg"]["embodied"] * 1e-9, "racks serve for the term"),
        ("failures a day of the whole fleet", 98, s["failures"]["total"] * 86400 / s["simulated_s"],
         "given; three times the rate in the first 90 days, none before a rack has come"),
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
                     f"{r['carbon_kg']['marginal'] / r['energy_kwh']['facility'] * 1000:.0f}",
                     f"{1000 * r['cost_usd']['energy'] / r['energy_kwh']['facility']:.0f}", f"{tokens / 1e12:,.0f}"))
    table(["site", "GPU-hours in service [1e9]", "useful", "lost", "idle", "energy [TWh]", "PUE", "g CO2e/kWh",
           "one more kWh", "USD/MWh", "tokens out [1e12]"], rows)


def services(s):
    rows = []
    for name, r in s["services"].items():
        used = r["used"]
        rows.append((name, f"{r['finished'] / 1e12:.2f}", f"{r['output_tokens'] / 1e15:.2f}", f"{r['held_gpu_hours'] / 1e9:.2f}",
                     f"{r['replicas']['mean']:,.0f}, {r['replicas']['max']:,}", f"{r['fluid']['mean_load']:.2f}", f"{100 * r['slo_attainment']:.1f} %",
                     f"{r['contract_usd_per_million_output_tokens']:.3f}",
                     f"{used['facility_mwh'] * 1e3 / r['output_tokens'] * 1e6:.3f}",
                     f"{r['carbon_kg_per_million_output_tokens']['location'] * 1000:.0f}"))
    table(["service", "requests [1e12]", "tokens out [1e15]", "GPU-hours held [1e9]", "replicas, mean and most",
           "mean load", "within the targets", "USD of the contract per 1e6 tokens", "kWh", "g CO2e"], rows)


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


def uses(s):
    """Where the money of the contract goes, by what holds the GPUs."""
    usd = s["contract"]["usd_per_gpu_hour"]
    g = s["gpu_hours"]
    campaigns = sum(r["used"]["gpu_hours"] for r in s["training"].values() if "used" in r)
    held = {name: r["held_gpu_hours"] for name, r in s["services"].items()}
    spares = g["capacity"] / 18
    research = g["capacity"] - g["idle"] - g["down"] - campaigns - sum(held.values())
    rows = [("campaigns", campaigns), *((f"replicas of {name}", hours) for name, hours in held.items()),
            ("research", research), ("spare nodes", spares), ("otherwise idle", g["idle"] - spares), ("down", g["down"])]
    table(["what holds them", "GPU-hours [1e9]", "share", "USD of the contract [1e9]"],
          [(what, f"{hours / 1e9:.2f}", f"{100 * hours / g['capacity']:.1f} %", f"{hours * usd / 1e9:.1f}") for what, hours in rows])


def figures(s):
    g, c, cap = s["gpu_hours"], s["contract"], s["contract"]["capital"]
    for name in ["useful", "lost", "restart", "checkpoint", "down", "idle"]:
        print(f"{name}: {100 * g[name] / g['capacity']:.1f} %")
    print(f"GPU-hours {g['capacity'] / 1e9:.2f}e9, {c['usd_per_gpu_hour']:.3f} USD each, {c['usd_per_useful_gpu_hour']:.3f} a useful one")
    for name in ["total_usd", "racks_usd", "facility_usd", "interest_usd", "maintenance_usd", "energy_usd"]:
        print(f"provider {name}: {cap[name] / 1e9:.2f}e9")
    print(f"provider per GPU-hour: {cap['usd_per_gpu_hour']:.2f}; energy of the contract: {100 * cap['energy_usd'] / c['paid_usd']:.1f} %")
    e, k, p = s["energy_kwh"], s["carbon_kg"], s["power_w"]
    print(f"energy: {e['it'] / 1e9:.2f} TWh IT, {e['facility'] / 1e9:.2f} with losses and cooling; PUE {s['pue']:.3f}, "
          f"{s['pue_without_losses']:.3f} without electrical losses; peak {p['peak'] / 1e6:.0f} of {p['nameplate'] / 1e6:.0f} MW")
    print(f"carbon [Mt]: {k['location'] / 1e9:.2f} by location, {k['marginal'] / 1e9:.2f} marginal, "
          f"{k['market'] / 1e9:.2f} by contracts, {k['embodied'] / 1e9:.2f} embodied")
    print(f"g per useful GPU-hour by location: {1000 * s['carbon_kg_per_useful_gpu_hour']['location']:.0f}")
    print(f"feeds: {s['feeds']}")
    print(f"waits of jobs: {s['wait_s']}")
    print(f"campaigns wait {sum(r['gpus'] * r['hours']['waiting'] for r in s['training'].values()) / 1e9:.2f}e9 GPU-hours")
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
    for v in values.values():
        steps = {}
        for name, of in v.items():
            if name.startswith("training."):
                gpus = CAMPAIGN_GPUS[name.split(".")[1].split("-")[0]]
                for k, n in of.items():
                    steps[k] = steps.get(k, 0) + gpus * n
        v["steps"] = steps
        v["tokens"] = {k: n + v["services.helper.output_tokens"][k] for k, n in v["services.assistant.output_tokens"].items()}
    base = values["base"]
    columns = ["contract.usd_per_useful_gpu_hour", "gpu_hours.useful", "steps", "tokens", "energy_kwh.facility", "carbon_kg.location",
               "carbon_kg.marginal"]

    def change(v, name):
        return f"{100 * (sum(v[name][k] / base[name][k] for k in v[name]) / len(v[name]) - 1):+.1f} %".replace("-", "−")

    def of(v, name):
        return f"{100 * mean(v[f'services.{name}.slo_attainment']):.1f} %"

    rows = [("base", f"{mean(base[columns[0]]):.2f}", f"{mean(base[columns[1]]) / 1e9:.2f}e9", f"{mean(base['steps']) / 1e12:.2f}e12",
             f"{mean(base['tokens']) / 1e15:.2f}e15", f"{mean(base[columns[4]]) / 1e9:.1f} TWh", f"{mean(base[columns[5]]) / 1e9:.2f} Mt",
             f"{mean(base[columns[6]]) / 1e9:.2f} Mt", of(base, "assistant"))]
    for case, v in values.items():
        if case != "base":
            rows.append((LABELS.get(case, case), *(change(v, name) for name in columns), of(v, "assistant")))
    table(["otherwise", "USD per useful GPU-hour", "useful GPU-hours", "GPU-steps of campaigns", "tokens out", "energy",
           "CO2e by location", "of one more kWh", "assistant within its targets"], rows)


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
uses(summary)
windows(summary)
figures(summary)
if len(sys.argv) > 3:
    what_matters(sys.argv[2])
    spread(sys.argv[3])
