#!/usr/bin/env python3
"""compare_waits.py LOG DIR...: waits of replays beside those that a log in the Standard Workload Format records.

LOG is the log, plain or .gz; each DIR is the output folder of a run of it, named after its policy. Prints a table in
Markdown, one row for the log and one for each run. Needs nothing but Python 3.
"""
import csv
import gzip
import os
import sys


def recorded_waits(path):
    """Wait in seconds by job number, for records that have one."""
    waits = {}
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="ascii", errors="replace") as log:
        for line in log:
            fields = line.split()
            if len(fields) == 18 and fields[0] != ";" and float(fields[2]) >= 0:
                waits[fields[0]] = float(fields[2])
    return waits


def simulated_waits(directory):
    """The same of the finished jobs of a run."""
    with open(os.path.join(directory, "jobs.csv"), newline="") as rows:
        return {
            row["job_id"]: float(row["start_s"]) - float(row.get("eligible_s") or row["submit_s"])
            for row in csv.DictReader(rows)
            if row["state"] == "finished"
        }


def percentile(ordered, p):
    """The ceil(p/100 n)-th smallest."""
    return ordered[max(0, -(-p * len(ordered) // 100) - 1)]


def ranks(values):
    """From 1 on; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for i in order[at:end]:
            out[i] = (at + 1 + end) / 2
        at = end
    return out


def correlation(a, b):
    """Pearson's; of ranks it is Spearman's. None where one does not vary."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    cov = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    var_a, var_b = sum((x - mean_a) ** 2 for x in a), sum((y - mean_b) ** 2 for y in b)
    return cov / (var_a * var_b) ** 0.5 if var_a > 0 and var_b > 0 else None


def is_close(x, y):
    """Within a minute, or within a factor of two."""
    return abs(x - y) <= 60 or max(x, y) <= 2 * min(x, y)


def row(name, waits, more):
    ordered = sorted(waits)
    cells = [name, f"{len(waits):,}", f"{sum(waits) / len(waits):,.0f}"]
    cells += [f"{percentile(ordered, p):,.0f}" for p in (50, 75, 90, 95, 99)]
    cells += [f"{ordered[-1]:,.0f}", f"{100 * sum(w <= 60 for w in waits) / len(waits):.1f} %"]
    print("| " + " | ".join(cells + more) + " |")


def main(log, directories):
    recorded = recorded_waits(log)
    runs = [(os.path.basename(os.path.normpath(d)), simulated_waits(d)) for d in directories]
    jobs = [j for j in runs[0][1] if j in recorded and all(j in waits for _, waits in runs)]
    truth = [recorded[j] for j in jobs]
    truth_ranks = ranks(truth)
    print("| waits [s] | jobs | mean | p50 | p75 | p90 | p95 | p99 | max | <= 1 min | rank correlation | close | shorter | longer |")
    print("|" + " --- |" * 14)
    row("recorded", truth, ["", "", "", ""])
    for name, waits in runs:
        mine = [waits[j] for j in jobs]
        rho = correlation(ranks(mine), truth_ranks)
        close = [is_close(x, y) for x, y in zip(mine, truth)]
        shorter = sum(not c and x < y for c, x, y in zip(close, mine, truth))
        longer = sum(not c and x > y for c, x, y in zip(close, mine, truth))
        shares = [f"{100 * n / len(jobs):.1f} %" for n in (sum(close), shorter, longer)]
        row(f"`{name}`", mine, ["none" if rho is None else f"{rho:.2f}"] + shares)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
