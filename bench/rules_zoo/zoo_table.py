"""What the rows of the rules zoo add up to: counts for both halves with their upper bounds, a table for each rule, and docs/rules.md below its marker."""
import math

MARKER = "<!-- Below: the zoo, written by bench/rules_zoo.py (make rules-zoo). Above: written by `make docs` from the table of rules. -->"
HALVES = ("tuning", "held-out")


def upper_bound(events, count, confidence=0.95):
    """The exact (Clopper-Pearson) upper bound of a rate of which `events` of `count` were seen: the rate at which so few, or fewer, have the probability 1 - confidence."""
    if events >= count:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        few = sum(math.comb(count, k) * rate ** k * (1 - rate) ** (count - k) for k in range(events + 1))
        low, high = (rate, high) if few > 1 - confidence else (low, rate)
    return high


def fired(row, severity):
    return [signal for signal in row.get("signals", []) if signal["state"] == "fired" and signal.get("severity") == severity]


def healthy_rows(rows):
    """Those that count: proved healthy in this run."""
    return [row for row in rows if row.get("healthy")]


def passes(rows, warnings_max):
    """Whether all healthy networks are healthy and go without errors and nearly without warnings, and every fault was found."""
    good = healthy_rows(rows)
    return (not any("problem" in row for row in rows) and all(row["healthy"] for row in rows if "bound" in row) and not any(fired(row, "error") for row in good)
            and sum(bool(fired(row, "warning")) for row in good) <= warnings_max and all(row["right"] for row in rows if "rule" in row))


def counts_table(rows):
    lines = ["| half | healthy networks | with an error | upper bound | with a warning only | upper bound | faults | found at the right place |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for half in (*HALVES, "both"):
        part = [row for row in rows if half in ("both", row["half"])]
        good, faults = healthy_rows(part), [row for row in part if "rule" in row]
        errors = sum(bool(fired(row, "error")) for row in good)
        warnings = sum(bool(fired(row, "warning")) and not fired(row, "error") for row in good)
        bounds = [f"{100 * upper_bound(events, len(good)):.1f} %" if good else "" for events in (errors, warnings)]
        lines.append(f"| {half} | {len(good)} | {errors} | {bounds[0]} | {warnings} | {bounds[1]} | {len(faults)} | {sum(row.get('right', False) for row in faults)} |")
    return lines


def rules_table(rows):
    """For each rule: how many healthy networks let it judge, where it fired on them, and its faults."""
    good = healthy_rows(rows)
    names = [signal["rule"] for signal in good[0]["signals"]] if good else sorted({row["rule"] for row in rows if "rule" in row})
    lines = ["| rule | judged on | too few steps | fired on healthy networks | faults found |", "| --- | --- | --- | --- | --- |"]
    for name in names:
        states = [next((signal for signal in row["signals"] if signal["rule"] == name), {"state": "off"}) for row in good]
        alarms = sum(signal["state"] == "fired" for signal in states)
        few = sum(signal["state"] == "too few steps" for signal in states)
        faults = [row for row in rows if row.get("rule") == name]
        lines.append(f"| `{name}` | {len(states) - few} | {few} | {alarms} | {sum(row.get('right', False) for row in faults)} of {len(faults)} |")
    return lines


def summary(rows):
    lost = [row["name"] for row in rows if "problem" in row or row.get("healthy") is False]
    lines = [*counts_table(rows), "", *rules_table(rows)]
    if lost:
        lines += ["", "Not counted, since they did not run or did not prove healthy: " + ", ".join(lost)]
    return "\n".join(lines)


def alarms_table(rows):
    lines = ["| healthy network | half | rule | severity | where | what it said |", "| --- | --- | --- | --- | --- | --- |"]
    for row in healthy_rows(rows):
        for signal in fired(row, "error") + fired(row, "warning"):
            place = " ".join(filter(None, [signal.get("tensor"), f"step {signal['step']}"]))
            lines.append(f"| {row['name']} | {row['half']} | `{signal['rule']}` | {signal['severity']} | {place} | {signal['text']} |")
    return lines if len(lines) > 2 else []


def faults_table(rows):
    lines = ["| rule | fault | half | right place | said | |", "| --- | --- | --- | --- | --- | --- |"]
    for row in sorted((row for row in rows if "rule" in row), key=lambda row: row["rule"]):
        said = row.get("said", row.get("problem", "")).replace("|", "/")
        lines.append(f"| `{row['rule']}` | {row['name'].split('/', 1)[1]} | {row['half']} | {row.get('place', '')} | {said} | {'found' if row.get('right') else 'missed'} |")
    return lines


def networks_table(rows):
    lines = ["| network | half | steps | measure | reached | had to reach | errors | warnings |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in healthy_rows(rows):
        lines.append(f"| {row['name']} | {row['half']} | {row['steps']} | {row['measure']} | {row['value']:.3f} | {row['bound']} | {len(fired(row, 'error'))} | {len(fired(row, 'warning'))} |")
    return lines


def page(rows):
    long = sum(row["steps"] >= 2000 for row in healthy_rows(rows))
    alarms = alarms_table(rows)
    parts = [
        "## On networks", "",
        "Healthy networks, native (JSON) and ordinary PyTorch programs, each trained once with all rules at their defaults; and faults, each planted in one of these.",
        "A network counts as healthy only where its own measure, on data that it did not train on, passed its bound in this run. Thresholds are tuned on one half; the other half, drawn by a hash of the",
        "names, is held out. Upper bounds are exact, at 95 % (Clopper and Pearson): so often, at most, does a network of this kind raise one.", "",
        *counts_table(rows), "",
        f"{long} of the healthy networks train for 2,000 steps or more, so that `plateau` judges them. A rule that saw too few steps was not passed and is not counted as judged:", "",
        *rules_table(rows), "",
    ]
    if alarms:
        parts += ["What fired on healthy networks:", "", *alarms, ""]
    parts += ["### Planted faults", "", *faults_table(rows), "", "### Healthy networks", "", *networks_table(rows), ""]
    return "\n".join(parts)


def write(path, rows):
    """Replaces what stands below the marker."""
    text = path.read_text() if path.exists() else "# Rules\n"
    above = text.split(MARKER, maxsplit=1)[0].rstrip()
    path.write_text(f"{above}\n\n{MARKER}\n\n{page(rows)}")
