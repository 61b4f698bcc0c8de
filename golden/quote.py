"""Renews what docs/CLI.md and docs/WALKTHROUGH.md quote of the program, and docs/walkthrough's pictures, after models/nano has changed (golden/make_nano.sh).
usage: quote.py GLAMM     Only lines that no longer hold are written; what tests/test_cli_doc.c and tests/docs.sh take for the same stays as it is (`..`, numbers within 1 %)."""
import os, re, shutil, subprocess, sys, tempfile
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


def shell(text, where): return subprocess.run(["bash", "-c", text], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).stdout.decode()


def renewed(old, new, fits, command):
    """The lines below a command: old ones where they hold.  One that says `..` of many lines cannot be renewed line by line."""
    if ".." in old:
        at = old.index("..")
        rest = len(old) - at - 1
        return old[:at] + [".."] + renewed(old[at + 1:], new[len(new) - rest:], fits, command) if new[:at] == old[:at] or not at else sys.exit(f"by hand: {command}")
    if len(old) != len(new): return new
    return [a if fits(a, b) else b for a, b in zip(old, new)]


def cli(glamm):
    """Blocks of console: "$ command" and what it prints, all in one folder from which models/ and golden/ are seen."""
    work, out, i = tempfile.mkdtemp(), [], 0
    for d in ("models", "golden"): os.symlink(f"{ROOT}/{d}", f"{work}/{d}")
    fits = lambda a, b: b.startswith(a[:-2]) if a.endswith("..") else a == b.rstrip(" ")
    lines = open(f"{ROOT}/docs/CLI.md").read().split("\n")
    inside = False
    while i < len(lines):
        line = lines[i]; i += 1
        out.append(line)
        if line.startswith("```"): inside = line == "```console"
        if not inside or not line.startswith("$ "): continue
        old = []
        while not lines[i].startswith(("$ ", "```")): old.append(lines[i]); i += 1
        new = [l.rstrip(" ") for l in shell(f'glamm() {{ "{glamm}" "$@"; }}; {line[2:]}', work).split("\n")][:-1]
        out += renewed(old, new, fits, line)
    shutil.rmtree(work)
    return "\n".join(out)


def near(a, b):
    """Words equal, numbers within 1 % or 0.01: tests/docs.sh."""
    a, b = (re.split(r"[ ,:()]+", s) for s in (a, b))
    number = lambda s: re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", s)
    same = lambda x, y: x == y or number(x) and number(y) and abs(float(x) - float(y)) <= max(.01, abs(float(x)) / 100)
    return len(a) == len(b) and all(map(same, a, b))


def walkthrough(glamm):
    """Indented blocks: settings, and commands with what they print."""
    work, out, settings, i = tempfile.mkdtemp(), [], "", 0
    lines = open(f"{ROOT}/docs/WALKTHROUGH.md").read().split("\n")
    while i < len(lines):
        line = lines[i]; i += 1
        out.append(line)
        if not line.startswith("    $ "): continue
        if re.match(r"    \$ [A-Z]=", line): settings += line[6:] + "\n"; continue
        old = []
        while lines[i].startswith("    ") and not lines[i].startswith("    $ "): old.append(lines[i][4:]); i += 1
        program = f'glamm() {{ [ "$1" != run ] || set -- "$@" --out {work} --redo; "{glamm}" "$@"; }}\n'
        new = shell(program + settings + line[6:], ROOT)
        new = new.split("\n")[:-1] if new.endswith("\n") else new.split("\n")
        out += ["    " + l for l in (old if len(old) == len(new) and all(map(near, old, new)) else new)]
    shutil.rmtree(work)
    return "\n".join(out)


def pictures(glamm):
    """What the document's first, unmarked commands draw; those that it shows are kept."""
    work, text = tempfile.mkdtemp(), open(f"{ROOT}/docs/WALKTHROUGH.md").read()
    for command in re.findall(r"^    glamm (trace .*) --pictures docs/walkthrough$", text, re.M):
        said = shell(f'"{glamm}" {command} --pictures {work} --quiet', ROOT)
        print(said, end="")
    for name in re.findall(r"\]\(walkthrough/([a-z0-9-]+\.png)\)", text): shutil.copy(f"{work}/{name}", f"{ROOT}/docs/walkthrough/{name}")
    shutil.rmtree(work)


def main(glamm):
    for name, made in (("CLI", cli(glamm)), ("WALKTHROUGH", walkthrough(glamm))):
        with open(f"{ROOT}/docs/{name}.md", "w") as f: f.write(made)
    pictures(glamm)


if __name__ == "__main__": main(os.path.abspath(sys.argv[1]))
