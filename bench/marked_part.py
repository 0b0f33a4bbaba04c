"""The part of a Markdown document that a script makes: what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`, each on a line of its own. What stands around it is written by hand and stays."""
import pathlib


def write(path, name, text):
    """Puts `text` between the marks of the script `name` in the document at `path`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    document = pathlib.Path(path)
    before, found_begin, rest = document.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise SystemExit(f"{path} has no lines {begin} and {end}, between which the table is to stand")
    document.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
