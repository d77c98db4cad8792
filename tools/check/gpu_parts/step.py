"""One thing that is run and judged: in time or killed, its outcome kept whatever happens."""
import os
import signal
import subprocess
import threading
import time


def run(command, limit_s, environment=None, folder=None, on_line=None):
    """(exit status or None when it was killed, lines of stdout, the end of stderr, seconds). A command that does not end in `limit_s`
    is killed with all that it started. `on_line` is called with every line of stdout as it comes."""
    begin = time.monotonic()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", cwd=folder,
                          env=os.environ | (environment or {}), start_new_session=True) as process:
        lines, errors = [], []

        def read_lines():
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if on_line:
                    on_line(lines[-1])

        readers = [threading.Thread(target=read_lines, daemon=True), threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)]
        for reader in readers:
            reader.start()
        try:
            status = process.wait(max(1, limit_s))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        for reader in readers:
            reader.join(5)
    return status, lines, "".join(errors)[-4000:], time.monotonic() - begin


class Skipped(Exception):
    """A step that cannot run here, and why."""


class Failed(Exception):
    """A step that ran and found something, and what."""


class Steps:
    """Runs steps within a time for all; after each, `save` is called, so that what is known is kept."""

    def __init__(self, result, save, seconds_in_all):
        self.result, self.save = result, save
        self.end = time.monotonic() + seconds_in_all

    def seconds_left(self):
        return self.end - time.monotonic()

    def step(self, name, limit_s, work):
        """@param work  called with the seconds it has; returns a dict of what it found, or raises Skipped or Failed"""
        begin = time.monotonic()
        entry = self.result["steps"][name] = {"status": "running"}
        self.save()
        try:
            if self.seconds_left() < 5:
                raise Skipped("no time left")
            found = work(min(limit_s, self.seconds_left()))
            entry |= {"status": "passed"} | (found or {})
        except Skipped as reason:
            entry |= {"status": "skipped", "reason": str(reason)}
        except Failed as reason:
            entry |= {"status": "failed", "reason": str(reason)}
        except Exception as error:  # whatever goes wrong in one step, the others still run
            entry |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        entry["seconds"] = round(time.monotonic() - begin, 1)
        self.save()
        print(f"gpu: {name:<22} {entry['status']:<8} {entry['seconds']:>6.1f} s  {entry.get('reason', '')[:200]}", flush=True)
