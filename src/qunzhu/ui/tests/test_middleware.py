"""What every page has in common: security headers, and an answer to what no page can be asked."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "/j/%00/",
        "/me/%00/",
        "/me/points/?before=%00",
        "/g/1/?%00=1",
        "/console/%00/",
        "/console/demo/?q=a%00b",
        "/admin/%00",
    ],
)
def test_a_nul_in_path_or_query_is_a_bad_request_of_every_page(path, caplog):
    answer = Client().get(path)
    assert (answer.status_code, answer.content.decode()) == (400, "这个网址里有无法识别的字符")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
