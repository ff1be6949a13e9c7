"""Runs OpenStack's command-line clients without loading them anew for each command.

A client takes a second or more to load and a tenth of that to do something. So this process loads them once, and each command
runs in a fork of it that calls the same main() as the program in /usr/bin does. What a command has loaded besides is loaded here
for the next one. A fork has the environment, HOME included, and the stdin of its command, a terminal if there is none; nothing of an earlier one.

stdin: one JSON object a line, {"program", "args", "environment", "input": FILE or null, "limitSeconds"}.
stdout: for each of them, in order, {"exitCode": NUMBER or null after a signal, "stdout", "stderr"}.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback

from glanceclient.shell import main as glance
from openstackclient.shell import main as openstack
# Which commands there are: read from all packages at the first question, and then remembered.
from stevedore import _cache

PROGRAMS = {"glance": glance, "openstack": openstack}


def main():
    _cache.get_group_all("openstack.cli")
    answers = os.fdopen(os.dup(1), "w")
    requests = os.fdopen(os.dup(0), "r")
    for line in requests:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()


def run(request):
    stdout, stderr, loaded = (os.memfd_create(name) for name in ("stdout", "stderr", "loaded"))
    child = os.fork()
    if child == 0:
        be_command(request, stdout, stderr, loaded)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    load(contents(loaded).split())
    return {
        "exitCode": None if status < 0 else status,
        "stdout": contents(stdout),
        "stderr": contents(stderr),
    }


def be_command(request, stdout, stderr, loaded):
    """Does not come back."""
    os.dup2(stdin_of(request["input"]), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["/usr/bin/" + request["program"], *request["args"]]
    signal.alarm(request["limitSeconds"])
    before = set(sys.modules)
    exit_code = exit_code_of(PROGRAMS[request["program"]])
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(loaded, "\n".join(set(sys.modules) - before).encode())
    os._exit(exit_code)


def stdin_of(path):
    """A pipe, as from `cat FILE |`, or a terminal: glance would upload what it finds in anything else."""
    if path is None:
        return os.openpty()[1]
    return os.dup(subprocess.Popen(["cat", path], stdout=subprocess.PIPE).stdout.fileno())


def exit_code_of(program):
    """What the launcher in /usr/bin, `sys.exit(main())`, would end with."""
    try:
        code = program()
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        return 1
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def load(names):
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            # Some only exist in the command that made them.
            pass


def contents(fd):
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb") as file:
        return file.read().decode(errors="replace")


main()
