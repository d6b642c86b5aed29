#!/usr/bin/env python3
"""headlines.py FOLDER: the figures that were published or follow from them, and what the run in FOLDER has, as a table."""
import csv
import json
import sys

folder = sys.argv[1]
with open(f"{folder}/summary.json") as file:
    s = json.load(file)
with open(f"{folder}/years.csv") as file:
    years = [row for row in csv.DictReader(file) if row["site"] == "all"]
full = [row for row in years if 2028 <= int(row["year"]) <= 2031]


def mean(column):
    return sum(float(row[column]) for row in full) / len(full)


facility_mw = s["power_w"]["nameplate"] * 1e-6
peak_twh = max(float(row["facility_kwh"]) / float(row["hours"]) * 8760 for row in years) * 1e-9
table = [
    ("racks", 2870, s["build_out"]["racks"], "the same 206,640 GPUs"),
    ("GPU-hours in the term [1e9]", 11.6, s["contract"]["gpu_hours"] * 1e-9, "a ramp of 59.8 weeks, and two leap days"),
    ("USD per GPU-hour", 3.27, s["contract"]["usd_per_gpu_hour"], "value / hours in service"),
    ("revenue a year [1e9 USD]", 5.43, mean("contract_usd") * 1e-9, "38 / 7"),
    ("racks a week", 48, s["build_out"]["racks_per_week"], "late halls, rework"),
    ("IT at nameplate [MW]", 387, facility_mw, "racks of the catalogue, not 135 kW each"),
    ("energy a year at nameplate [TWh], at most", 3.8, peak_twh, "what is drawn in the busiest year, nameplate is an upper bound"),
    ("energy cost a year [1e6 USD]", 285, mean("energy_usd") * 1e-6, "less energy, and prices of the five regions"),
    ("carbon a year, all in PJM [Mt]", 1.5, mean("carbon_location_kg") * 1e-9, "less energy, and five grids"),
    ("failures a day", 98, s["failures"]["total"] * 86400 / s["simulated_s"], "three times the rate in the first 90 days, none before a rack has come"),
]
print("| headline | published or derived | simulated | ratio | why |")
print("| --- | --- | --- | --- | --- |")
for what, fact, here, why in table:
    print(f"| {what} | {fact:,} | {here:,.4g} | {here / fact:.3f} | {why} |".replace("e+03", "e3"))
