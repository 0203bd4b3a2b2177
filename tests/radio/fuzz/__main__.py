"""Run the fuzzer; it takes the options of libFuzzer and folders of inputs."""

import sys

import atheris

with atheris.instrument_imports(include=["meterkeys.radio"]):
    from tests.radio.fuzz.target import judge_input

if __name__ == "__main__":
    atheris.Setup(sys.argv, judge_input)
    atheris.Fuzz()
