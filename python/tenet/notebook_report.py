"""A report of tenet as a notebook shows it: the verdict, each finding with its fix and effect, what the experiments say."""
import html


def mean(values):
    numbers = [value for value in values or [] if isinstance(value, (int, float))]
    return sum(numbers) / len(numbers) if numbers else None


def score_text(value):
    return "none" if value is None else "%.2f" % value


class Report:
    """The document of docs/report.md as `json`; `verdict`, `findings` and `score` of it. Shown by a notebook as HTML, as text elsewhere."""

    def __init__(self, document):
        self.json = document

    @property
    def verdict(self):
        return self.json.get("verdict")

    @property
    def findings(self):
        return self.json.get("findings", [])

    @property
    def score(self):
        return self.json.get("score")

    def headline(self):
        score = "" if self.score is None else ", score %.2f" % self.score
        reason = self.json.get("reason")
        return "%s%s%s" % (self.verdict, score, ": " + reason if reason else "")

    @staticmethod
    def rows_of(finding):
        """(what, text) of one finding, for people."""
        how = "confirmed" if finding.get("confirmed") else "suspected"
        rows = [("cause", "%s (%s)" % (finding.get("cause"), how))]
        where = finding.get("where") or {}
        if where.get("file"):
            rows.append(("where", "%s:%s" % (where["file"], where.get("line", "?"))))
        elif where.get("tensor") or where.get("op"):
            rows.append(("where", where.get("tensor") or where["op"]))
        rows.extend(("why", one["text"]) for one in finding.get("evidence", []) if one.get("text"))
        fix = finding.get("fix") or {}
        if fix.get("text"):
            rows.append(("fix", fix["text"]))
        for line in fix.get("lines") or []:
            place = "%s:%s " % (line["file"], line.get("line", "?")) if line.get("file") else ""
            rows.append(("change", place + str(line.get("change", ""))))
        effect = fix.get("effect") or {}
        before, after = mean(effect.get("before")), mean(effect.get("after"))
        if after is not None:
            rows.append(("effect", "%s %s \u2192 %s, mean of %d" % (effect.get("metric", "score"), score_text(before), score_text(after), len(effect["after"]))))
        return rows

    def experiment_rows(self):
        return [(one.get("name", ""), one.get("verdict", ""), one.get("summary", "")) for one in self.json.get("experiments", [])]

    def __repr__(self):
        lines = [self.headline()]
        for finding in self.findings:
            lines += ["  %-8s %s" % row for row in self.rows_of(finding)]
        lines += ["  %-14s %-12s %s" % row for row in self.experiment_rows()]
        return "\n".join(lines)

    def _repr_markdown_(self):
        def cell(text):
            return str(text).replace("|", "\\|").replace("\n", " ")
        lines = ["**%s**" % self.headline()]
        for finding in self.findings:
            lines += ["", "| finding | %s |" % cell(finding.get("cause")), "| --- | --- |"] + ["| %s | %s |" % (what, cell(text)) for what, text in self.rows_of(finding)[1:]]
        if self.experiment_rows():
            lines += ["", "| experiment | verdict | |", "| --- | --- | --- |"] + ["| %s |" % " | ".join(cell(text) for text in row) for row in self.experiment_rows()]
        return "\n".join(lines)

    def _repr_html_(self):
        colour = {"healthy": "#2a7d2a", "faulty": "#b02a2a"}.get(self.verdict, "#8a6d1a")
        parts = ['<div><p style="font-weight:bold;color:%s">%s</p>' % (colour, html.escape(self.headline()))]
        for finding in self.findings:
            rows = "".join('<tr><th style="text-align:left">%s</th><td style="text-align:left">%s</td></tr>' % (what, html.escape(text)) for what, text in self.rows_of(finding))
            parts.append("<table>%s</table>" % rows)
        if self.experiment_rows():
            rows = "".join("<tr>%s</tr>" % "".join('<td style="text-align:left">%s</td>' % html.escape(str(text)) for text in row) for row in self.experiment_rows())
            parts.append('<table><tr><th>experiment</th><th>verdict</th><th></th></tr>%s</table>' % rows)
        return "".join(parts) + "</div>"
