"""What goes wrong in an app is said in a sentence, and the rest of the federation goes on."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from conftest import DATA, HERE, PROGRAMS, sandbox

TABLES = DATA / "diabetes"


@pytest.fixture
def app(folder):
    """A copy of quickstart-numpy that a test may spoil."""
    copy = folder / "app"
    shutil.copytree(HERE / "quickstart-numpy", copy)
    return copy


def spoil(app, name: str, old: str, new: str) -> None:
    path = app / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


CLIENT, SERVER = "quickstart_numpy/client_app.py", "quickstart_numpy/server_app.py"
FIRST_LINE = '    """Take one step of gradient descent on local data."""\n'


def at_one_node(code: str) -> str:
    return FIRST_LINE + f'    if context.node_config["partition-id"] == 1:\n        {code}\n'


def fails(app, folder, *words: str, **options) -> str:
    run = sandbox(app, TABLES, folder / "output", **options)
    assert run.code != 0
    assert not (run.output / "result.json").exists()
    for word in words:
        assert word in run.text, run.text[-2000:]
    return run.text


def one_failure(app, folder, code: str, *options: str):
    """Runs with `code` at one of three nodes; gives the run and the reason of the first round's failure."""
    spoil(app, CLIENT, FIRST_LINE, at_one_node(code))
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 2}, *([] if not options else [shutil.which("python3")]), *options)
    return run, one_reason(run)


def one_reason(run, rounds: int = 2) -> str:
    assert run.code == 0, run.text[-3000:]
    assert [row["participants"] for row in run.result["rounds"]] == [2] * rounds
    failures = run.result["failures"]
    assert [(row["round"], row["organization"], row["phase"]) for row in failures] == [(i + 1, 2, "train") for i in range(rounds)]
    return failures[0]["reason"]


def test_a_folder_that_is_no_flower_app(app, folder):
    spoil(app, "pyproject.toml", "[tool.flwr.app", "[tool.other.app")
    fails(app, folder, "has no [tool.flwr.app]")
    (app / "pyproject.toml").write_text("= what")
    fails(app, folder, "is no TOML")
    (app / "pyproject.toml").unlink()
    fails(app, folder, "pyproject.toml cannot be read (No such file or directory)")


def test_a_serverapp_that_does_not_import(app, folder):
    spoil(app, SERVER, "import numpy as np", "import numpy as np\nimport no_such_module")
    text = fails(app, folder, "the serverapp quickstart_numpy.server_app:app cannot be imported: ModuleNotFoundError")
    assert "import no_such_module" in text, "the app's own traceback"


def test_a_component_of_another_kind(app, folder):
    spoil(app, "pyproject.toml", "server_app:app", "task:load_data")
    fails(app, folder, "the serverapp is a function, not flwr's ServerApp")


def test_a_serverapp_that_raises(app, folder):
    spoil(app, SERVER, "arrays = ArrayRecord(", "1 / 0\n    arrays = ArrayRecord(")
    text = fails(app, folder, "the ServerApp raised ZeroDivisionError: division by zero")
    assert "1 / 0" in text


def test_a_clientapp_that_does_not_import_is_a_failure_of_each(app, folder):
    spoil(app, CLIENT, "import numpy as np", "import numpy as np\nimport no_such_module")
    text = fails(
        app, folder, "the clientapp quickstart_numpy.client_app:app cannot be imported: ModuleNotFoundError",
        "no organization has answered anything that it was asked; the first failure, at amsterdam (organization 1): ")
    assert "import no_such_module" in text


def test_a_node_that_does_not_answer_in_time_is_a_failure(app, folder):
    spoil(app, SERVER, "num_rounds=num_rounds,", "num_rounds=num_rounds, timeout=6,")
    spoil(app, CLIENT, FIRST_LINE, at_one_node("import time; time.sleep(60)"))
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1})
    assert one_reason(run, rounds=1).startswith("maastricht did not answer within 6 seconds")


def test_a_clientapp_that_raises(app, folder):
    run, reason = one_failure(app, folder, "1 / 0")
    assert reason == "<class 'ZeroDivisionError'>:<'division by zero'>"
    assert "maastricht: [train of round" in run.text or "[train at node 2]" in run.text
    assert "ZeroDivisionError" in run.text and "Traceback" in run.text


def test_an_exceptions_text_stays_at_a_node_that_keeps_it(app, folder):
    spoil(app, CLIENT, FIRST_LINE, at_one_node("float('a secret')"))
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 2}, os.sys.executable, "--env", "V6_FLOWER_ERROR_TEXTS=no")
    assert one_reason(run) == "<class 'ValueError'>: the text stays in the log of the run at this node (V6_FLOWER_ERROR_TEXTS)"
    assert "secret" not in (run.output / "result.json").read_text()
    assert "maastricht: [train of round 1 at node 2] ValueError: could not convert string to float: 'a secret'" in run.text


def test_a_clientapp_that_answers_nothing(app, folder):
    _, reason = one_failure(app, folder, "return None")
    assert "the ClientApp answered a NoneType, not a Message" in reason


def test_a_worker_killed_for_memory(app, folder):
    _, reason = one_failure(app, folder, "import os; os.kill(os.getpid(), 9)")
    assert "was killed (signal 9), most likely because the memory was used up" in reason


def test_a_worker_that_leaves(app, folder):
    _, reason = one_failure(app, folder, "import os; os._exit(3)")
    assert "ended with code 3 before it had answered" in reason


def test_a_worker_that_closes_its_pipe_and_lives_on(app, folder):
    _, reason = one_failure(app, folder, "import os, time; os.closerange(3, 256); time.sleep(100000)")
    assert "closed its pipe before it had answered and was ended" in reason


def test_a_reply_that_cannot_travel(app, folder):
    _, reason = one_failure(app, folder, "reply = Message(msg.content, reply_to=msg); reply.metadata.__dict__['_ttl'] = float('inf'); return reply")
    assert reason.startswith("<class 'ValueError'>:<'Out of range float")


def test_an_exception_that_is_no_unicode(app, folder):
    _, reason = one_failure(app, folder, "raise ValueError('caf\\udce9')")
    assert reason == "<class 'ValueError'>:<'caf?'>"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_ends_with_central(app, folder, number):
    wrapper, central = folder / "wrapper", folder / "central"
    wrapper.write_text(f'#!/bin/sh\n[ -e {central} ] || echo $$ > {central}\nexec {PROGRAMS}/v6-flower "$@"\n')
    wrapper.chmod(0o755)
    spoil(app, SERVER, "    arrays = ArrayRecord(", "    import os, subprocess, time\n"
          "    print('started', os.getpid(), subprocess.Popen(['sleep', '100000']).pid, flush=True)\n    time.sleep(100000)\n    arrays = ArrayRecord(")  # fmt: skip
    command = [PROGRAMS / "v6-flower-sandbox", "run", "--app", app, "--data", TABLES, "--python", os.sys.executable, "--output",
               folder / "output", "--executable", wrapper]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        line = next(line for line in run.stdout if "started" in line)
        os.kill(int(central.read_text()), number)
        assert run.wait() == 1
    for process in line.split()[-2:]:
        while alive(process):
            time.sleep(0.01)


def alive(process: str) -> bool:
    """Whether a process is there and none that has ended and is only not asked after."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_clientapp_that_exits(app, folder):
    _, reason = one_failure(app, folder, "raise SystemExit('enough')")
    assert "SystemExit" in reason


def test_no_folder_of_a_worker_stays(app, folder, monkeypatch):
    temporary = folder / "temporary"
    temporary.mkdir()
    temporary.chmod(0o777)
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1}, os.sys.executable, "--env", f"TMPDIR={temporary}")
    assert run.code == 0, run.text
    assert list(temporary.iterdir()) == []
    spoil(app, CLIENT, FIRST_LINE, at_one_node("import os; os.kill(os.getpid(), 9)"))
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1}, os.sys.executable, "--env", f"TMPDIR={temporary}")
    assert run.code == 0 and list(temporary.iterdir()) == []


def test_a_progress_bar_is_lines_and_a_line_has_an_end(app, folder):
    spoil(app, SERVER, "    arrays = ArrayRecord(", "    print('10 %\\r20 %\\r\\x1b[2Jdone' + 'x' * 100000)\n    arrays = ArrayRecord(")
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1})
    assert run.code == 0, run.text[-3000:]
    lines = run.text.split("\n")
    assert "10 %" in lines and "20 %" in lines
    long = next(line for line in lines if line.startswith("done"))
    assert "\x1b" not in long and 8000 < len(long) <= 8192


def test_files_are_those_of_the_folder_that_was_given(app, folder):
    spoil(app, SERVER, "    arrays = ArrayRecord(", """    import os
    os.makedirs("deep/er")
    for name in ("kept.txt", b"caf\\xe9", "deep/er/too"):
        open(name, "w").write("12345")
    os.symlink("/etc/passwd", "link")
    os.symlink("/etc", "folder")
    os.mkfifo("fifo")
    open("large", "w").write("x" * 2_000_000)
    os.chdir(os.environ["HOME"])
    arrays = ArrayRecord(""")
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1, "max_files_mb": 1})
    assert run.code == 0, run.text[-3000:]
    files = {file["name"]: (file["size"], "base64" in file, file.get("left_out")) for file in run.result["files"]}
    assert files == {"kept.txt": (5, True, None), "caf?": (5, True, None), "deep/er/too": (5, True, None), "large": (2_000_000, False, True)}


def test_what_an_app_still_asks_for_when_it_has_finished_is_not_waited_for(app, folder):
    spoil(app, CLIENT, "@app.evaluate()", "@app.query()\ndef query(msg, context):\n    import time\n    time.sleep(100000)\n\n\n@app.evaluate()")
    spoil(app, SERVER, "    arrays = ArrayRecord(", """    import threading, time
    from flwr.app import Message, RecordDict
    ask = lambda: grid.send_and_receive([Message(RecordDict(), node, "query") for node in grid.get_node_ids()])
    threading.Thread(target=ask, daemon=True).start()
    arrays = ArrayRecord(""")
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 2})
    assert run.code == 0, run.text[-3000:]
    assert [row["participants"] for row in run.result["rounds"]] == [3, 3]


def test_a_number_of_rounds_without_sense(app, folder):
    spoil(app, SERVER, "num_rounds=", "num_rounds=2**70 + ")
    fails(app, folder, "the ServerApp's num_rounds must be from 0 to 2147483647")


def test_limits_that_no_machine_has(app, folder):
    fails(app, folder, "max_files_mb must be from 0 to 2000", "max_journal_mb must be from 0 to 1000000",
          kwargs={"max_files_mb": 1e14, "max_journal_mb": 1e300})  # fmt: skip


def test_what_an_app_prints_disturbs_nobody(app, folder):
    noise = "import os, sys, subprocess; os.write(1, b'V6FLOWER' * 100); print('from', 'python'); subprocess.run(['echo', 'from a child'])"
    spoil(app, CLIENT, FIRST_LINE, FIRST_LINE + f"    {noise}; assert sys.stdin.read() == ''\n"
          "    assert os.environ['FLWR_TELEMETRY_ENABLED'] == '0' and 'TOKEN_FILE' not in os.environ\n")
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1})
    assert run.code == 0 and run.result["failures"] == [], run.text
    assert "from python" in run.text and "from a child" in run.text


def test_a_reply_over_the_nodes_limit(app, folder):
    big = "return Message(RecordDict({'arrays': ArrayRecord([np.zeros(300000)])}), reply_to=msg)"
    spoil(app, CLIENT, FIRST_LINE, at_one_node(big))
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 2}, os.sys.executable, "--env", "V6_FLOWER_MAX_MODEL_MB=2")
    assert "a model may have 2.0 MB at most, not 2.4: a rule of this node's administrator (V6_FLOWER_MAX_MODEL_MB)" in one_reason(run)


def test_a_rule_that_no_app_can_be_held_to_refuses_it(app, folder):
    for rule in ("V6_FLOWER_ALLOWED_COLUMNS=age", "V6_FLOWER_ALLOWED_STRATEGIES=FedAvg"):
        run = sandbox(app, TABLES, folder / "output", {}, os.sys.executable, "--env", rule)
        assert run.code != 0 and f"(" + rule.split("=")[0] + ")" in run.text


def test_arguments_that_the_app_does_not_have(app, folder):
    fails(app, folder, "num_rounds is unknown", "learning-rate must be a number, not a string",
          kwargs={"num_rounds": 3, "learning-rate": "fast"})  # fmt: skip


def test_a_key_within_a_table_of_the_run_config(app, folder):
    spoil(app, "pyproject.toml", "learning-rate = 1e-5\n", "learning.rate = 1e-5\n")
    spoil(app, SERVER, 'context.run_config["learning-rate"]', 'context.run_config["learning.rate"]; print("rate", lr)')
    run = sandbox(app, TABLES, folder / "output", {"num-server-rounds": 1, "learning/rate": 0.25})
    assert run.code == 0 and "rate 0.25" in run.text, run.text


def test_a_strategy_that_waits_for_nodes_that_cannot_come(app, folder):
    spoil(app, SERVER, "FedAvg(", "FedAvg(min_available_nodes=7, ")
    fails(app, folder, "waits for more nodes than the 3 organizations of this task")


def test_python_without_flwr_or_with_an_old_one(app, folder):
    fails(app, folder, "flwr is missing", "Flower apps run here with flwr 1.21 or newer", python="/usr/bin/python3")
    fails(app, folder, "no-such-python cannot be started", "name another with --python", python="/no-such-python")
    fake = folder / "old"
    (fake / "bin").mkdir(parents=True)
    site = fake / "site/flwr"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("__version__ = '1.10.0'\n")
    script = fake / "bin/python3"
    script.write_text(f"#!/bin/sh\nexport PYTHONPATH=$PYTHONPATH:{fake}/site\nexec /usr/bin/python3 \"$@\"\n")
    script.chmod(0o755)
    fails(app, folder, "flwr 1.10.0 is too old", python=str(script))


def test_a_split_that_no_node_has(folder):
    app = folder / "app"
    shutil.copytree(HERE / "sklearn-logreg", app)
    spoil(app, "sklearnexample/task.py", "dataset = fds", "fds.load_split('test')\n    dataset = fds")
    run = sandbox(app, DATA / "breast-cancer", folder / "output", {"num-server-rounds": 1})
    assert "the app asks for the whole split 'test' of scikit-learn/breast-cancer, which no organization has" in run.text
    spoil(app, "sklearnexample/task.py", "fds.load_split('test')\n    ", "fds.load_partition(0, 'test')\n    ")
    run = sandbox(app, DATA / "breast-cancer", folder / "output", {"num-server-rounds": 1})
    assert "the app asks for the split 'test' and this node has default, train" in run.text
