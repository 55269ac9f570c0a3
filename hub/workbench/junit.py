"""Results of tests as JUnit XML, which CI systems read.

There is no standard; this is the common ground of Jenkins' and Maven's schemas: ``testsuites``, ``testsuite``,
``testcase`` with ``failure``, and the attributes ``file`` and ``line``, which GitLab and others show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hub.workbench.report import text
from hub.workbench.trials import Result

# XML 1.0 § 2.2: characters that a document can't hold, not even as references.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(name: str, results: Sequence[Result], seconds: float) -> bytes:
    """The document.

    Args:
        name: of the deployment.
        results: of its tests.
        seconds: that all of it took.
    """
    failed = sum(not each.passed for each in results)
    counts = {"tests": str(len(results)), "failures": str(failed), "errors": "0", "time": f"{seconds:.6f}"}
    root = ET.Element("testsuites", {"name": "hub test", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": name, "skipped": "0", **counts})
    for result in results:
        suite.append(_case(name, result))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(name: str, result: Result) -> ET.Element:
    position = result.trial.span().start
    case = ET.Element(
        "testcase",
        {
            "classname": f"{name}.{position.path.rpartition('.')[0]}",
            "name": _plain(result.trial.name),
            "file": position.path,
            "line": str(position.line),
            "time": f"{result.seconds:.6f}",
        },
    )
    for miss in result.misses:
        failure = ET.SubElement(case, "failure", {"message": _plain(miss.message), "type": "expectation"})
        failure.text = _plain(f"{result.trial.span(*miss.where)}\n{text(result, miss)}")
    return case


def _plain(value: str) -> str:
    return _FORBIDDEN.sub("�", value)
