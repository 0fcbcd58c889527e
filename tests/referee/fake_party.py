"""A party in thirty lines, started by test_local.py: `fake_party.py BEHAVIOUR NAME --home DIR ...`."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("behaviour")
parser.add_argument("name")
parser.add_argument("--home", type=Path)
parser.add_argument("--credentials", type=Path)
parser.add_argument("--ready", type=Path)
args = parser.parse_args()

print(f"{args.name} starts", flush=True)
if args.behaviour == "dies at start":
    sys.exit("no such model: resnet9")
if args.behaviour == "never ready":
    sys.exit(sys.stdin.read())
if args.behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if args.behaviour == "has a worker":
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (args.home / "worker.pid").write_text(str(worker.pid))

(args.home / "environment.json").write_text(json.dumps(dict(os.environ)))
part = args.ready.with_suffix(".part")
part.write_text(json.dumps({"private": 4001, "public": 4002}))
part.rename(args.ready)

if args.behaviour == "dies later":
    while not (args.home / "now").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
print("stdin closed", flush=True)
if args.behaviour == "stubborn":
    time.sleep(60)
