#!/bin/sh
# seven-years.sh [FOLDER]: everything that docs/studies/seven-years.md shows, in FOLDER (default: out/seven-years): the base
# case, what matters most in it, as text and as a picture, and the tables. `ampacity` and `python3` are found on PATH. Half an
# hour on two cores.
set -eu
for program in ampacity python3; do
    command -v "$program" >/dev/null || { echo "seven-years.sh: $program is not on PATH; put build/release/bin there" >&2; exit 2; }
done
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-out/seven-years}
mkdir -p "$out"
ampacity run "$here/aws-openai-38b.yaml" -o "$out/base" >"$out/base.txt"
cat "$out/base.txt"
ampacity sweep "$here/what-matters.yaml" -o "$out/what-matters.db" --resume
ampacity sweep "$here/spread.yaml" -o "$out/spread.db" --resume
for metric in contract.usd_per_useful_gpu_hour gpu_hours.useful carbon_kg.location energy_kwh.facility \
    services.assistant.output_tokens services.assistant.slo_attainment; do
    ampacity compare "$out/what-matters.db" --by case --baseline base --tornado --metric "$metric"
done | tee "$out/what-matters.txt"
ampacity report "$out/what-matters.db" --by case --baseline base --metric contract.usd_per_useful_gpu_hour \
    --metric gpu_hours.useful --metric carbon_kg.location -o "$out/what-matters.svg"
python3 "$here/tables.py" "$out/base" "$out/what-matters.db" "$out/spread.db" | tee "$out/tables.md"
