"""Catalogues are compiled as gettext reads them, without GNU gettext."""

import gettext
import io

import pytest

from qunzhu.ui.messages import BadCatalogue, catalogues, encode, parse

CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=2; plural=n != 1;\\n"

#: page.html:3
msgid "禁言"
msgstr "Mute"

msgctxt "noun"
msgid "群"
msgstr "Group"

msgid "%(n)s 条"
msgid_plural "%(n)s 条"
msgstr[0] "%(n)s message"
msgstr[1] "%(n)s "
"messages"

#, fuzzy
msgid "旧"
msgstr "Old"

msgid "没有翻译"
msgstr ""
"""


def test_gettext_reads_what_we_compile():
    translations = gettext.GNUTranslations(io.BytesIO(encode(parse(CATALOGUE))))
    assert translations.gettext("禁言") == "Mute"
    assert translations.pgettext("noun", "群") == "Group"
    assert translations.ngettext("%(n)s 条", "%(n)s 条", 1) == "%(n)s message"
    assert translations.ngettext("%(n)s 条", "%(n)s 条", 2) == "%(n)s messages"
    assert translations.gettext("旧") == "旧"
    assert translations.gettext("没有翻译") == "没有翻译"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('msgid "a"\nmsgstr bad', "x.po:2: cannot read 'msgstr bad'"),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"', "x.po:4: 'a' is translated twice"),
    ],
)
def test_mistakes_name_file_and_line(text, message):
    with pytest.raises(BadCatalogue) as caught:
        parse(text, "x.po")
    assert str(caught.value) == message


def test_every_catalogue_of_the_product_can_be_compiled():
    for po in catalogues():
        assert encode(parse(po.read_text(encoding="utf-8"), str(po)))
