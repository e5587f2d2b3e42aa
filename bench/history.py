"""Ninety days of a community's history made inside PostgreSQL: a log of any length with projections that agree with it.

What an event is follows from its number alone (`_KINDS`), so that a decision names the message before it and its
effect names the decision. A few people say most, most groups are quiet, some kinds, rules and states are rare.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import common

DAYS = 90
# Position in every thousand events: (condition on n, kind, how many events ago its cause stands). The rest is messages.
_KINDS = (
    ("n % 50 = 10", "decision.made", 1),
    ("n % 50 = 11", "effect.done", 2),
    ("n % 100 = 12", "member.muted", 3),
    ("n % 50 = 20", "command.posted", 0),
    ("n % 50 = 21", "checkin.done", 1),
    ("n % 50 = 22", "points.posted", 2),
    ("n % 500 = 30", "member.joined", 0),
    ("n % 1000 = 330", "member.left", 0),
    ("n % 1000 = 431", "report.filed", 0),
    ("n % 1000 = 432", "case.opened", 1),
    ("n % 1000 = 433", "case.decided", 2),
    ("n % 1000 = 434", "member.renamed", 0),
    ("n % 1000 = 435", "message.recalled", 1),
    ("n % 200 = 36", "message.sent", 1),
    ("n % 1000 = 437", "member.removed", 0),
    ("n % 1000 = 438", "penalty.reversed", 0),
    ("n % 100000 = 440", "clearance.granted", 0),
    ("n % 100000 = 540", "group.announced", 0),
    ("n % 1000000 = 640", "group.frozen", 0),
)


def fill(slug: str, events: int, *, members: int, groups: int, rules: list[dict[str, Any]]) -> int:
    """A community called `slug` with that much history; returns its id."""
    from django.db import connection

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.services import create_community
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.risk.incident.policy import STEPS

    now = SYSTEM_CLOCK.now()
    community = create_community(slug=slug, name=slug, timezone="Asia/Shanghai", blueprint={}, now=now)
    publish_rulebook(community_id=community.pk, rules=rules, by="bench", now=now)
    values = {
        "c": community.pk, "n": events, "members": members, "groups": groups, "days": DAYS, "now": now,
        "rules": [r["id"] for r in rules], "texts": common.texts(2_000), "slug": slug, "words": common.keyword_list(),
        "categories": ["ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other"],
        "steps": list(STEPS),
    }  # fmt: skip
    with connection.cursor() as cursor:
        _default_columns(cursor)
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET work_mem = '256MB'")
        with _indexes_later(cursor, ("event", "member_day", "group_hour")):
            for statement in (*_PEOPLE, *_EVENTS, *_ROLLUPS):
                cursor.execute(statement, values)
        for statement in (*_JUDGED, *_OTHERS):
            cursor.execute(statement, values)
        cursor.execute("RESET ALL")
    return community.pk


def _default_columns(cursor: Any) -> None:
    """Give every column its model's plain default in the database too: a new column does not stop the filling."""
    from django.apps import apps
    from django.db import models
    from psycopg import sql

    for model in apps.get_models():
        table = model._meta.db_table  # noqa: SLF001
        for field in model._meta.local_concrete_fields:  # noqa: SLF001  (Django's documented API)
            default = field.default
            if default is dict or default is list:
                array = default is list and field.get_internal_type() == "ArrayField"
                value = "{}" if default is dict or array else "[]"
            elif default is models.NOT_PROVIDED or callable(default):
                continue
            else:
                value = str(default)
            cursor.execute(
                sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}").format(
                    sql.Identifier(table), sql.Identifier(field.column or field.name), sql.Literal(value)
                )
            )


def settle() -> None:
    """What autovacuum does in time: statistics and the visibility map."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


@contextmanager
def _indexes_later(cursor: Any, tables: tuple[str, ...]) -> Iterator[None]:
    """Without constraints and indexes meanwhile: a build at the end takes a third of the time."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('p', 'u') ORDER BY 2", [list(tables)],
    )  # fmt: skip
    constraints = cursor.fetchall()
    for table, name, _ in constraints:
        cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)", [list(tables)])
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for table, name, definition in constraints:
        cursor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition}')
    for _, definition in indexes:
        cursor.execute(definition)


def _case(column: int, otherwise: str) -> str:
    """A CASE over `_KINDS`."""
    rows = (f"WHEN {row[0]} THEN {row[column]!r}" for row in _KINDS)
    return f"CASE {' '.join(rows)} ELSE {otherwise} END".replace("%", "%%")


# Members and groups are numbered i and g from 0; `base` turns numbers into ids.
_PEOPLE = (
    """INSERT INTO community_group (community_id, name, connector, platform_id, profile, capacity, state, announcement,
         created_at)
       SELECT %(c)s, '群' || g, 'local', %(slug)s || g, 'full', 500, CASE WHEN g %% 97 = 5 THEN 'frozen' ELSE 'active'
         END, '', %(now)s - %(days)s * interval '1 day' FROM generate_series(0, %(groups)s - 1) g""",
    """INSERT INTO local_room (group_id, community_id, join_code, frozen, announcement)
       SELECT id, community_id, 'code' || id, false, '' FROM community_group WHERE community_id = %(c)s""",
    """INSERT INTO member (community_id, display_name, tags, note, created_at)
       SELECT %(c)s, '成员' || i %% (%(members)s * 9 / 10), '[]', '', %(now)s - %(days)s * interval '1 day'
       FROM generate_series(0, %(members)s - 1) i""",
    """INSERT INTO identity (community_id, member_id, connector, platform_user_id, display_name)
       SELECT community_id, id, 'local', 'u' || id, display_name FROM member WHERE community_id = %(c)s""",
    """CREATE TEMP TABLE base ON COMMIT PRESERVE ROWS AS
       SELECT (SELECT min(id) FROM member WHERE community_id = %(c)s) AS member,
              (SELECT min(id) FROM community_group WHERE community_id = %(c)s) AS grp,
              (SELECT seq FROM event_head WHERE community_id = %(c)s) AS head""",
    """INSERT INTO membership (community_id, group_id, member_id, state, joined_at, left_at, muted_until, nickname,
         state_at, last_seq)
       SELECT %(c)s, base.grp + (i * k + (k - 1)) %% %(groups)s, base.member + i,
         CASE WHEN i %% 12 = 7 THEN 'left' WHEN i %% 200 = 8 THEN 'removed' WHEN i %% 500 = 9 THEN 'muted'
              WHEN i %% 5000 = 100 THEN 'observed' ELSE 'active' END,
         %(now)s - %(days)s * interval '1 day', NULL, NULL, '成员' || i, NULL, 1
       FROM base, generate_series(0, %(members)s - 1) i, unnest(ARRAY[1, 7]) k WHERE k = 1 OR i %% 3 = 0
       ON CONFLICT DO NOTHING""",
    """INSERT INTO account (community_id, owner, unit, balance, overdraft)
       SELECT community_id, 'm:' || id, 'PTS', id %% 300, false FROM member
       WHERE community_id = %(c)s AND id %% 5 > 0""",
    """INSERT INTO keyword (community_id, word, category, level, allow, added_by, options)
       SELECT %(c)s, word, (%(categories)s::text[])[1 + n %% 8], '', n %% 500 = 0, 'bench', ''
       FROM unnest(%(words)s::text[]) WITH ORDINALITY AS w(word, n)""",
)

_BODY = """CASE kind
  WHEN 'message.posted' THEN json_build_object('nickname', '成员' || i, 'platform_id', 'p' || n, 'text',
    (%(texts)s::text[])[1 + n %% 2000], 'type', 'text')
  WHEN 'command.posted' THEN json_build_object('args', '', 'command', 'checkin', 'nickname', '成员' || i,
    'platform_id', 'p' || n, 'text', '签到', 'type', 'text')
  WHEN 'decision.made' THEN json_build_object('cause_seq', base.head + cause, 'chapter', 'risk', 'effects',
    json_build_array(json_build_object('kind', 'warn')), 'evidence', json_build_array(base.head + cause), 'facts',
    json_build_object('count', 6), 'level', level, 'outcome', outcome, 'rule', rule, 'rulebook_version', 1, 'sentence',
    '成员' || i || ',请看群规 2.3,这次是提醒。', 'step', 'warn', 'strike', false)
  WHEN 'effect.done' THEN json_build_object('cause_seq', base.head + cause, 'detail', '{}'::json, 'effect',
    md5('e' || cause || %(slug)s)::uuid, 'kind', 'warn', 'result', 'done', 'rule', rule)
  WHEN 'member.muted' THEN json_build_object('by', 'qunzhu', 'until', received_at + interval '1 hour')
  WHEN 'checkin.done' THEN json_build_object('day', received_at::date, 'points', 1, 'streak', 1)
  WHEN 'points.posted' THEN json_build_object('amount', 1, 'balance', 10, 'kind', 'checkin', 'memo', '签到',
    'transaction', md5('t' || n)::uuid, 'unit', 'PTS')
  WHEN 'member.joined' THEN json_build_object('nickname', '成员' || i, 'platform_user_id', 'u' || i, 'via', 'link')
  WHEN 'report.filed' THEN json_build_object('cause_seq', base.head + n - 1, 'reason', '广告', 'target',
    base.member + (i + 1) %% %(members)s)
  WHEN 'case.opened' THEN json_build_object('case', n, 'kind', 'member_reported', 'title', '多人举报',
    'urgency', 'orange')
  WHEN 'case.decided' THEN json_build_object('action', 'dismiss', 'by', 'bench', 'case', n, 'kind', 'member_reported',
    'note', '')
  WHEN 'member.renamed' THEN json_build_object('nickname', '成员' || i)
  WHEN 'message.recalled' THEN json_build_object('by', 'member', 'target', base.head + cause)
  WHEN 'message.sent' THEN json_build_object('effect', md5('s' || n)::uuid, 'purpose', 'warn', 'text', '请看群规')
  WHEN 'member.removed' THEN json_build_object('by', 'qunzhu')
  WHEN 'penalty.reversed' THEN json_build_object('by', 'bench', 'cause_seq', base.head + cause, 'rule', rule)
  WHEN 'clearance.granted' THEN json_build_object('by', 'bench', 'member', base.member + i, 'until', received_at)
  WHEN 'group.announced' THEN json_build_object('by', 'bench', 'text', '群公告')
  ELSE json_build_object('by', 'bench') END::text"""

# u is a steady pseudo-random number of the cause, so that what belongs together has one person, group and rule.
_EVENTS = (
    f"""INSERT INTO event (community_id, seq, id, kind, group_id, member_id, occurred_at, received_at, connector,
          historic, body, salt, digest)
        SELECT %(c)s, seq, id, kind, group_id, member_id, received_at, received_at, 'local', false, body::json, salt,
          sha256(salt || convert_to(body, 'UTF8'))
        FROM (SELECT base.head + n AS seq, md5(%(slug)s || n)::uuid AS id, kind, base.grp + i %% %(groups)s AS group_id,
                base.member + i AS member_id, received_at, decode(md5(n::text), 'hex') AS salt, {_BODY} AS body
              FROM base, (
                SELECT n, kind, cause, floor(%(members)s * 0.8 * power(u, 3))::int AS i,
                  (%(rules)s::text[])[1 + floor(array_length(%(rules)s::text[], 1) * power(v, 3))::int] AS rule,
                  CASE WHEN v < 0.6 THEN 'notice' WHEN v < 0.9 THEN 'yellow' WHEN v < 0.99 THEN 'orange' ELSE 'red' END
                    AS level,
                  CASE WHEN v < 0.85 THEN 'live' WHEN v < 0.97 THEN 'shadow' WHEN v < 0.98 THEN 'yielded'
                       WHEN v < 0.995 THEN 'exempt' ELSE 'cleared' END AS outcome,
                  %(now)s - %(days)s * interval '1 day' * (1 - n::float8 / (%(n)s + 1)) AS received_at
                FROM (SELECT n, kind, cause, (hashint8(cause) & 2147483647) / 2147483648.0::float8 AS u,
                        (hashint8(cause + 7777777) & 2147483647) / 2147483648.0::float8 AS v
                      FROM (SELECT n, {_case(1, "'message.posted'")} AS kind, n - {_case(2, "0")} AS cause
                            FROM generate_series(1, %(n)s::bigint) n) AS numbered) AS drawn) AS told) AS made
        ORDER BY seq""",
    "UPDATE event_head SET seq = seq + %(n)s WHERE community_id = %(c)s",
    """INSERT INTO sealed_block (community_id, number, first_seq, last_seq, leaves, root, previous_hash, block_hash,
         signature, key_id, sealed_at)
       SELECT %(c)s, 1 + (seq - 1) / 1024, min(seq), max(seq), string_agg(digest, ''::bytea ORDER BY seq),
         sha256(min(seq)::text::bytea), sha256('a'), sha256(max(seq)::text::bytea), sha256('b') || sha256('c'), 'bench',
         max(received_at)
       FROM event WHERE community_id = %(c)s GROUP BY (seq - 1) / 1024 HAVING count(*) = 1024""",
)

_ROLLUPS = (
    """INSERT INTO group_hour (community_id, group_id, hour, messages, commands, joins, leaves, decisions)
       SELECT %(c)s, group_id, date_trunc('hour', received_at), count(*) FILTER (WHERE kind = 'message.posted'),
         count(*) FILTER (WHERE kind = 'command.posted'), count(*) FILTER (WHERE kind = 'member.joined'),
         count(*) FILTER (WHERE kind IN ('member.left', 'member.removed')),
         count(*) FILTER (WHERE kind = 'decision.made')
       FROM event WHERE community_id = %(c)s AND group_id IS NOT NULL GROUP BY 2, 3""",
    """INSERT INTO member_day (community_id, day, group_id, member_id, messages, commands, last_seq)
       SELECT %(c)s, (received_at AT TIME ZONE 'Asia/Shanghai')::date, group_id, member_id,
         count(*) FILTER (WHERE kind = 'message.posted'), count(*) FILTER (WHERE kind = 'command.posted'), max(seq)
       FROM event WHERE community_id = %(c)s AND kind IN ('message.posted', 'command.posted') GROUP BY 2, 3, 4""",
    """INSERT INTO community_day (community_id, day, messages, commands, speakers)
       SELECT %(c)s, day, sum(messages), sum(commands), count(DISTINCT member_id) FILTER (WHERE messages > 0)
       FROM member_day WHERE community_id = %(c)s GROUP BY 2""",
)

_JUDGED = (
    """INSERT INTO decision (community_id, seq, rule, rulebook_version, chapter, level, group_id, member_id,
         occurred_at, outcome, yielded_to, effects, facts, evidence, sentence, strike)
       SELECT community_id, (body->>'cause_seq')::int8, body->>'rule', 1, 'risk', body->>'level', group_id, member_id,
         occurred_at, body->>'outcome', '', (body->'effects')::jsonb, (body->'facts')::jsonb,
         (body->'evidence')::jsonb, body->>'sentence', false
       FROM event WHERE community_id = %(c)s AND kind = 'decision.made' AND kind <> 'message.posted'""",
    """INSERT INTO penalty (community_id, seq, rule, rulebook_version, group_id, member_id, step, sentence, evidence,
         at, ends_at, strike, reversed_at, reversed_by, last_seq)
       SELECT community_id, seq, rule, 1, group_id, member_id,
         CASE WHEN seq %% 20 < 12 THEN 'warn' WHEN seq %% 20 < 19 THEN 'mute' ELSE 'remove' END, sentence, evidence,
         occurred_at, CASE WHEN seq %% 20 BETWEEN 12 AND 18 THEN occurred_at + interval '1 hour' END, seq %% 3 = 0,
         CASE WHEN seq %% 40 = 1 THEN occurred_at END, '', seq
       FROM decision WHERE community_id = %(c)s AND outcome = 'live'""",
    # Nearly all went well; the few that did not are spread over all time, as a search for them must bear.
    """INSERT INTO effect (community_id, id, idempotency_key, kind, group_id, member_id, connector, payload, cause_seq,
         rule, requested_by, status, attempts, next_attempt_at, last_error, detail, case_id, created_at, finished_at)
       SELECT community_id, md5('e' || seq - base.head || %(slug)s)::uuid, 'bench:' || seq,
         CASE WHEN k = 0 OR n = 6 THEN 'freeze' WHEN k < 600 THEN 'warn' WHEN k < 950 THEN 'mute'
           WHEN k < 990 THEN 'remove' ELSE 'recall' END,
         group_id, member_id, 'local', '{"text": "请看群规"}', seq, rule, 'rule',
         CASE WHEN n <= 3 THEN 'pending' WHEN k = 1 OR n = 4 THEN 'failed' WHEN k = 2 OR n = 5 THEN 'task_created'
           WHEN k = 3 THEN 'unsupported' WHEN k < 20 THEN 'emulated' ELSE 'done' END,
         1, occurred_at, '', '{}', NULL, occurred_at, occurred_at
       FROM (SELECT *, (hashint8(seq) & 2147483647) %% 1000 AS k, row_number() OVER (ORDER BY seq DESC) AS n
             FROM decision WHERE community_id = %(c)s AND outcome = 'live') AS d, base""",
    """INSERT INTO report (community_id, seq, group_id, reporter_id, target_id, message_seq, reason, state, at)
       SELECT community_id, seq, group_id, member_id, (body->>'target')::int8, (body->>'cause_seq')::int8, '广告',
         'dismissed', occurred_at
       FROM event WHERE community_id = %(c)s AND kind = 'report.filed' AND kind <> 'message.posted'""",
    # A desk that keeps up: what is older than the newest three hundred has been decided.
    """INSERT INTO "case" (community_id, kind, key, title, summary, urgency, state, group_id, member_id, event_seq,
         evidence, payload, assigned_to, deadline, version, opened_at, decided_at, decided_by, action, note)
       SELECT %(c)s, kind, 'bench:' || seq, '多人举报 成员' || seq, '',
         (ARRAY['grey', 'yellow', 'orange', 'red'])[1 + n %% 4],
         CASE WHEN n > 300 THEN 'decided' ELSE 'open' END, group_id, member_id, seq - 1,
         jsonb_build_array(seq - 1, seq - 5), '{}', CASE WHEN n %% 3 = 0 THEN 'bench' ELSE '' END,
         occurred_at + interval '1 day', 1, occurred_at, CASE WHEN n > 300 THEN occurred_at + interval '1 hour' END,
         CASE WHEN n > 300 THEN 'bench' ELSE '' END, CASE WHEN n > 300 THEN 'dismiss' ELSE '' END, ''
       FROM (SELECT seq, group_id, member_id, occurred_at, row_number() OVER (ORDER BY seq DESC) AS n,
               (ARRAY['member_reported', 'red_keyword', 'effect_failed', 'effect_task', 'rule_review'])[1 + seq %% 5]
                 AS kind
             FROM event WHERE community_id = %(c)s AND kind = 'case.opened' AND kind <> 'message.posted') AS e""",
    """INSERT INTO case_note (community_id, case_id, at, author, text)
       SELECT community_id, id, opened_at, 'bench', '看过了' FROM "case" WHERE community_id = %(c)s""",
)

_OTHERS = (
    """INSERT INTO audit_entry (community_id, at, "user", action, target, detail, address, allowed)
       SELECT %(c)s, %(now)s - %(days)s * interval '1 day' * (1 - n::float8 / (10 + %(n)s / 100)),
         CASE WHEN n = 5 THEN 'once' ELSE 'staff' || n %% 5 END,
         CASE WHEN n = 5 THEN 'member.erase' ELSE 'action.' || n %% 30 END, 'member:' || n, '{}', '127.0.0.1',
         n %% 200 <> 7
       FROM generate_series(1, 10 + %(n)s / 100) n""",
    """INSERT INTO consumer_cursor (consumer, community_id, seq, failures, last_error, moved_at)
       SELECT name, %(c)s, base.head + %(n)s, 0, '', %(now)s
       FROM base, unnest(ARRAY['seal', 'order', 'rollups', 'community', 'elimination']) AS name
       ON CONFLICT DO NOTHING""",
    """INSERT INTO import_job (community_id, group_id, file_name, fingerprint, format, timezone, size, "offset", lines,
         added, duplicates, rejected, state, started_at, finished_at, started_by, content, kinds, repeats)
       SELECT %(c)s, base.grp, 'f' || n || '.csv', %(slug)s || n, 'csv', 'Asia/Shanghai', 1, 1, 1, 1, 0, 0, 'done',
         %(now)s, %(now)s, 'bench', '', '{}', 0 FROM base, generate_series(1, 60) n""",
    """INSERT INTO console_job (community_id, kind, params, state, done, total, result, error, file, started_by,
         created_at, moved_at, finished_at)
       SELECT %(c)s, kind, '{"name": "f.csv", "target": "member:1"}', 'done', 1, 1,
         '{"clean": true, "events": 9, "blocks": 1, "lines": 9, "added": 9, "duplicates": 0, "rejected": 0}',
         '', '', 'bench', %(now)s, %(now)s, %(now)s
       FROM generate_series(1, 12) n, unnest(ARRAY['verify', 'export', 'import']) AS kind""",
    # What members object to and ask for, who is silent, what went red: a few open, the rest settled long ago.
    """INSERT INTO appeal (community_id, penalty_seq, seq, case_id, rule, group_id, member_id, words, at, deadline,
         state, decided_by, decided_at, answer)
       SELECT community_id, seq, seq + 1, coalesce((SELECT max(id) FROM "case" WHERE community_id = %(c)s), 0), rule,
         group_id, member_id, '我没有发广告', at, at + interval '2 days',
         CASE WHEN n <= 20 THEN 'open' WHEN n %% 3 = 0 THEN 'upheld' ELSE 'rejected' END,
         CASE WHEN n <= 20 THEN '' ELSE 'bench' END, CASE WHEN n > 20 THEN at + interval '1 hour' END, ''
       FROM (SELECT *, row_number() OVER (ORDER BY seq DESC) AS n FROM penalty WHERE community_id = %(c)s
               AND seq %% 20 = 1) AS p""",
    """INSERT INTO clearance (community_id, seq, member_id, group_id, via, text, asked_at, state, granted_seq, since,
         until, decided_by, decided_at, last_seq)
       SELECT community_id, seq, member_id, group_id, 'page', '周六免费试听 https://example.com/' || seq, occurred_at,
         CASE WHEN n <= 20 THEN 'waiting' WHEN n %% 5 = 0 THEN 'declined' ELSE 'granted' END,
         CASE WHEN n > 20 AND n %% 5 > 0 THEN seq END, occurred_at, occurred_at + interval '1 day',
         CASE WHEN n > 20 THEN 'bench' ELSE '' END, CASE WHEN n > 20 THEN occurred_at END, seq
       FROM (SELECT *, row_number() OVER (ORDER BY seq DESC) AS n FROM event WHERE community_id = %(c)s
               AND kind = 'member.joined' AND kind <> 'message.posted') AS e""",
    """INSERT INTO observation (community_id, seq, member_id, state, tag, days, tagged_at, ended_at, last_seq)
       SELECT community_id, seq, member_id,
         CASE WHEN n <= 40 THEN 'tagged' WHEN n <= 60 THEN 'observed' ELSE 'kept' END, '沉默用户', 3,
         occurred_at, CASE WHEN n > 60 THEN occurred_at + interval '2 days' END, seq
       FROM (SELECT DISTINCT ON (member_id) community_id, seq, member_id, occurred_at,
               row_number() OVER (ORDER BY seq DESC) AS n
             FROM event WHERE community_id = %(c)s AND kind = 'member.joined' AND kind <> 'message.posted'
             ORDER BY member_id, seq) AS e""",
    """INSERT INTO member_activity (community_id, member_id, message_on)
       SELECT community_id, member_id, max(day) FROM member_day WHERE community_id = %(c)s AND messages > 0
       GROUP BY 1, 2""",
    """INSERT INTO incident (community_id, seq, mode, state, group_id, offenders, allowed, invite_after, started_by,
         started_at, confirmed_by, proposed_by, ended_by, ended_at)
       SELECT community_id, seq, 'live', CASE WHEN n <= 3 THEN 'open' ELSE 'done' END, group_id, '[]', '[]', 0, 'bench',
         occurred_at, '', '', '', CASE WHEN n > 3 THEN occurred_at + interval '1 hour' END
       FROM (SELECT *, row_number() OVER (ORDER BY seq DESC) AS n FROM event WHERE community_id = %(c)s
               AND kind = 'member.left' AND kind <> 'message.posted') AS e WHERE n %% 50 = 1""",
    """INSERT INTO incident_step (community_id, incident, step, state, attempt, detail, "by", at, effects, file)
       SELECT community_id, seq, step, CASE WHEN state = 'done' THEN 'done' ELSE 'waiting' END, 1, '', 'bench',
         started_at, '[]', ''
       FROM incident, unnest(%(steps)s::text[]) AS step WHERE community_id = %(c)s""",
    "DROP TABLE base",
)
