"""Notices in free words: whoever writes them, Ada is found, and why her mail came back."""

import pytest

from crm.bounces import Kind, read
from tests.crm.bounces.samples import ADA, SAMPLES, Sample, mail_of


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
def test_a_notice_says_to_whom_what_happened(sample: Sample) -> None:
    report = read(mail_of(sample))

    assert [(one.address, one.reason) for one in report.outcomes] == [(ADA, sample.reason)]
    assert report.is_bounce


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
def test_a_notice_says_which_mail_came_back(sample: Sample) -> None:
    report = read(mail_of(sample))

    assert "m-17@rapport.example" in report.message_ids
    assert "bounce@rapport.example" in report.returned_to
    assert report.kind is not Kind.NOTHING
