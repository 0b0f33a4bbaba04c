"""What the rows of the debug zoo add up to: counts for both halves with their bounds, a table for each cause, and every miss: the part of docs/debug_zoo.md that is made.

A row is a line of results.jsonl: a case (name, half, kind, task, cause and allowed of a fault, bound of a healthy base) and what its debug said (verdict, cause, confirmed, fix, score, seconds, steps), or
`problem` where it said nothing. Healthy bases count where they reach their bound. Faults count where they do harm: the score lies at least HARM under that of their base, of GRADUAL causes below
GRADUAL_SCORE too; those of SILENT causes always.
"""
import math

from rules_zoo.zoo_table import upper_bound

HALVES = ("a", "b")
HARM = 0.1  # of the score: what a debug takes for a dramatic change
GRADUAL_SCORE = 0.5  # from here on a debug only advises what is gradual


def score_of(row):
    score = row.get("score")
    return score if score is not None and math.isfinite(score) else -math.inf


def judge_healthy(row):
    if "problem" in row:
        return "not run"
    if score_of(row) < row["bound"]:
        return "not good"
    if row["verdict"] == "healthy":
        return "ok"
    return "false error" if row.get("confirmed") else "suspected" if row.get("cause_found") else "unsure"


def judge_fault(row, bases, silent, gradual):
    if "problem" in row:
        return "not run"
    base = bases.get(row["base"])
    if row["cause"] not in silent and (base is None or score_of(row) > score_of(base) - HARM):
        return "harmless"
    if row["cause"] in gradual and score_of(row) >= GRADUAL_SCORE:
        return "harmless"
    if not row.get("cause_found"):
        return "advised" if set(row.get("advised", [])) & set(row["allowed"]) else "missed"
    if row["cause_found"] not in row["allowed"]:
        return "other cause"
    return "right" if row["confirmed"] else "right, suspected"


def judge(rows, silent, gradual):
    """Adds `judged` to every row."""
    bases = {row["name"]: row for row in rows if "bound" in row and "problem" not in row}
    for row in rows:
        row["judged"] = judge_healthy(row) if "bound" in row else judge_fault(row, bases, silent, gradual)
    return rows


def count(rows, *judged):
    return sum(row["judged"] in judged for row in rows)


def parts_of(rows):
    """The healthy that count, and the faults that count."""
    healthy = [row for row in rows if "bound" in row and row["judged"] not in ("not run", "not good")]
    return healthy, [row for row in rows if "cause" in row and row["judged"] not in ("not run", "harmless")]


def share(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else ""


def halves_table(rows):
    lines = ["| half | healthy networks | false errors | upper bound | suspected only | faults that do harm | detected | right cause first | of these confirmed |", "| --- |" + " --- |" * 8]
    for half in (*HALVES, "both"):
        healthy, faults = parts_of([row for row in rows if half in ("both", row["half"])])
        errors, right = count(healthy, "false error"), count(faults, "right", "right, suspected")
        limit = f"{100 * upper_bound(errors, len(healthy)):.1f} %" if healthy else ""
        lines.append(f"| {half} | {len(healthy)} | {errors} | {limit} | {count(healthy, 'suspected', 'unsure')} | {len(faults)} | {share(len(faults) - count(faults, 'missed'), len(faults))} "
                     f"| {share(right, len(faults))} | {count(faults, 'right')} |")
    return lines


def causes_table(rows):
    lines = ["| cause | planted | do harm | kinds of network | detected | right first, a | right first, b | named in its place |", "| --- |" + " --- |" * 7]
    for cause in dict.fromkeys(row["cause"] for row in rows if "cause" in row):
        planted = [row for row in rows if row.get("cause") == cause]
        _, faults = parts_of(planted)
        kinds = ", ".join(sorted({f"{row['kind']} {row['task']}" for row in faults}))
        right = [share(count(half, "right", "right, suspected"), len(half)) for half in ([row for row in faults if row["half"] == name] for name in HALVES)]
        others = sorted({row["cause_found"] for row in faults if row["judged"] == "other cause"})
        lines.append(f"| {cause} | {len(planted)} | {len(faults)} | {kinds} | {len(faults) - count(faults, 'missed')} | {right[0]} | {right[1]} | {', '.join(others)} |")
    return lines


def words(row):
    """What the debug of a row said."""
    if "problem" in row:
        return row["problem"]
    found = f"{row['cause_found']} ({'confirmed' if row['confirmed'] else 'suspected'}): {row['fix']}" if row.get("cause_found") else row["verdict"]
    return found.replace("|", "/")


def misses_table(rows):
    lines = ["| network | half | judged | score | said | seconds | steps |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        if row["judged"] not in ("ok", "right", "right, suspected"):
            score = "" if row.get("score") is None else f"{row['score']:.2f}"
            lines.append(f"| {row['name']} | {row['half']} | {row['judged']} | {score} | {words(row)} | {row['seconds']:.1f} | {row.get('steps', '')} |")
    return lines


def cost(rows):
    seconds = sorted(row["seconds"] for row in rows if "problem" not in row)
    return f"Seconds a debug: median {seconds[len(seconds) // 2]:.1f}, nine in ten below {seconds[len(seconds) * 9 // 10]:.1f}, in all {sum(seconds):.0f}." if seconds else ""


def unfinished(rows):
    """Those that said nothing count in no column."""
    count_of = sum("problem" in row for row in rows)
    return f", of which {count_of} came to no report (`not run` below; they count nowhere else)" if count_of else ""


def page(rows):
    healthy = [row for row in rows if "bound" in row]
    kinds = ", ".join(f"{sum(row['kind'] == kind for row in healthy)} {kind}" for kind in dict.fromkeys(row["kind"] for row in healthy))
    return "\n".join([
        f"{len(healthy)} base networks ({kinds}) and {len(rows) - len(healthy)} planted faults were debugged{unfinished(rows)}. {cost(rows)}", "", *halves_table(rows), "", *causes_table(rows), "",
        "All that is not `ok` or right:", "", *misses_table(rows)])
