"""Pages of the desk: cases, rulebook, effects, words, black box, imports, staff, audit. Included by urls.py."""

from django.urls import URLPattern, URLResolver, path, register_converter

from qunzhu.console.pages import (
    appeals,
    audit,
    backtests,
    blackbox,
    case_acts,
    cases,
    clearances,
    detector,
    drafts,
    effects,
    imports,
    incidents,
    keywords,
    observation,
    publishing,
    quality,
    rule,
    rulebook,
    saved_views,
    staff,
)


class FileFormat:
    """How a list is downloaded."""

    regex = "csv|xlsx"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class EffectAction(FileFormat):
    """What can be done with a failed effect."""

    regex = "retry|drop"


register_converter(FileFormat, "format")
register_converter(EffectAction, "effect_action")

DESK: list[URLPattern | URLResolver] = [
    path("<slug:slug>/cases/", cases.case_list, name="cases"),
    path("<slug:slug>/cases/export.<format:fmt>", cases.case_export, name="cases_export"),
    path("<slug:slug>/cases/assign/", cases.case_assign, name="case_assign"),
    path("<slug:slug>/cases/bulk/", case_acts.bulk, name="case_bulk"),
    path("<slug:slug>/cases/<int:case_id>/", cases.case_page, name="case"),
    path("<slug:slug>/cases/<int:case_id>/merge/", case_acts.merge, name="case_merge"),
    path("<slug:slug>/cases/<int:case_id>/undo/", case_acts.undo, name="case_undo"),
    path("<slug:slug>/cases/<int:case_id>/decide/", cases.case_decide, name="case_decide"),
    path("<slug:slug>/cases/<int:case_id>/withdraw/", cases.case_withdraw, name="case_withdraw"),
    path("<slug:slug>/cases/<int:case_id>/note/", cases.case_note, name="case_note"),
    path("<slug:slug>/appeals/", appeals.appeal_list, name="appeals"),
    path("<slug:slug>/appeals/export.<format:fmt>", appeals.appeal_export, name="appeals_export"),
    path("<slug:slug>/incidents/", incidents.incident_list, name="incidents"),
    path("<slug:slug>/incidents/drill/", incidents.drill, name="incident_drill"),
    path("<slug:slug>/incidents/<int:seq>/", incidents.incident_page, name="incident"),
    path("<slug:slug>/incidents/<int:seq>/retry/", incidents.retry, name="incident_retry"),
    path("<slug:slug>/incidents/<int:seq>/skip/", incidents.skip, name="incident_skip"),
    path("<slug:slug>/incidents/<int:seq>/reopen/", incidents.reopen, name="incident_reopen"),
    path("<slug:slug>/incidents/<int:seq>/evidence.zip", incidents.evidence, name="incident_evidence"),
    path("<slug:slug>/rulebook/", rulebook.current, name="rulebook"),
    path("<slug:slug>/rulebook/diff/", rulebook.difference, name="rulebook_diff"),
    path("<slug:slug>/rulebook/rule/", rule.rule, name="rule"),
    path("<slug:slug>/rulebook/rule/state/", rule.rule_state, name="rule_state"),
    path("<slug:slug>/rulebook/draft/", drafts.draft_page, name="draft"),
    path("<slug:slug>/rulebook/draft/start/", drafts.draft_start, name="draft_start"),
    path("<slug:slug>/rulebook/draft/rule/", drafts.rule_edit, name="draft_rule"),
    path("<slug:slug>/rulebook/draft/preview/", drafts.rule_preview, name="draft_preview"),
    path("<slug:slug>/rulebook/draft/drop/", drafts.rule_drop, name="draft_drop"),
    path("<slug:slug>/rulebook/draft/settings/", drafts.settings_edit, name="draft_settings"),
    path("<slug:slug>/rulebook/draft/yaml/", drafts.yaml_edit, name="draft_yaml"),
    path("<slug:slug>/rulebook/draft/discard/", drafts.draft_discard, name="draft_discard"),
    path("<slug:slug>/rulebook/draft/restore/", drafts.draft_restore, name="draft_restore"),
    path("<slug:slug>/rulebook/draft/publish/", publishing.publish, name="draft_publish"),
    path("<slug:slug>/rulebook/<int:number>/", rulebook.version, name="rulebook_version"),
    path("<slug:slug>/rulebook/<int:number>.yaml", rulebook.source, name="rulebook_source"),
    path("<slug:slug>/clearances/", clearances.clearance_list, name="clearances"),
    path("<slug:slug>/clearances/new/", clearances.clearance_new, name="clearance_new"),
    path("<slug:slug>/clearances/grant/", clearances.clearance_grant, name="clearance_grant"),
    path("<slug:slug>/clearances/export.<format:fmt>", clearances.clearance_export, name="clearances_export"),
    path("<slug:slug>/clearances/<int:seq>/", clearances.clearance_page, name="clearance"),
    path("<slug:slug>/clearances/<int:seq>/decide/", clearances.clearance_decide, name="clearance_decide"),
    path("<slug:slug>/clearances/<int:seq>/end/", clearances.clearance_end, name="clearance_end"),
    path("<slug:slug>/observation/", observation.observation_list, name="observation"),
    path("<slug:slug>/observation/preview/", observation.observation_preview, name="observation_preview"),
    path("<slug:slug>/observation/export.<format:fmt>", observation.observation_export, name="observation_export"),
    path("<slug:slug>/observation/review/<int:case_id>/", observation.observation_review, name="observation_review"),
    path("<slug:slug>/observation/<int:seq>/", observation.observation_page, name="observed"),
    path("<slug:slug>/observation/<int:seq>/return/", observation.observation_return, name="observation_return"),
    path("<slug:slug>/members/<int:member_id>/leave/", observation.member_leave, name="member_leave"),
    path("<slug:slug>/backtests/", backtests.backtest_list, name="backtests"),
    path("<slug:slug>/backtests/start/", backtests.backtest_start, name="backtest_start"),
    path("<slug:slug>/backtests/import/<int:import_id>/", backtests.backtest_import, name="backtest_import"),
    path("<slug:slug>/backtests/<int:job_id>/", backtests.backtest_page, name="backtest"),
    path("<slug:slug>/backtests/<int:job_id>/state/", backtests.backtest_state, name="backtest_state"),
    path("<slug:slug>/backtests/<int:job_id>/restart/", backtests.backtest_restart, name="backtest_restart"),
    path("<slug:slug>/backtests/<int:job_id>/rows.<format:fmt>", backtests.backtest_export, name="backtest_export"),
    path("<slug:slug>/quality/", quality.quality_list, name="quality"),
    path("<slug:slug>/quality/export.<format:fmt>", quality.quality_export, name="quality_export"),
    path("<slug:slug>/quality/<int:seq>/", quality.quality_mark, name="quality_mark"),
    path("<slug:slug>/effects/", effects.effect_list, name="effects"),
    path("<slug:slug>/effects/export.<format:fmt>", effects.effect_export, name="effects_export"),
    path("<slug:slug>/effects/retry/", effects.effects_retry, name="effects_retry"),
    path("<slug:slug>/effects/<uuid:effect_id>/", effects.effect_page, name="effect"),
    path("<slug:slug>/effects/<uuid:effect_id>/<effect_action:action>/", effects.effect_decide, name="effect_decide"),
    path("<slug:slug>/keywords/", keywords.word_list, name="keywords"),
    path("<slug:slug>/keywords/try/", keywords.word_try, name="keywords_try"),
    path("<slug:slug>/keywords/add/", keywords.word_add, name="keywords_add"),
    path("<slug:slug>/keywords/remove/", keywords.word_remove, name="keywords_remove"),
    path("<slug:slug>/keywords/import/", keywords.word_import, name="keywords_import"),
    path("<slug:slug>/keywords/export.<format:fmt>", keywords.word_export, name="keywords_export"),
    path("<slug:slug>/detector/", detector.overview, name="detector"),
    path("<slug:slug>/detector/try/", detector.try_text, name="detector_try"),
    path("<slug:slug>/blackbox/", blackbox.chain, name="blackbox"),
    path("<slug:slug>/blackbox/export.<format:fmt>", blackbox.chain_export, name="blackbox_list_export"),
    path("<slug:slug>/blackbox/verify/", blackbox.verify, name="blackbox_verify"),
    path("<slug:slug>/blackbox/export/", blackbox.export, name="blackbox_export"),
    path("<slug:slug>/blackbox/jobs/<int:job_id>/", blackbox.job_state, name="blackbox_job"),
    path("<slug:slug>/blackbox/jobs/<int:job_id>/restart/", blackbox.job_restart, name="blackbox_job_restart"),
    path("<slug:slug>/blackbox/jobs/<int:job_id>/file/", blackbox.job_file, name="blackbox_job_file"),
    path("<slug:slug>/imports/", imports.import_list, name="imports"),
    path("<slug:slug>/imports/export.<format:fmt>", imports.import_export, name="imports_export"),
    path("<slug:slug>/imports/start/", imports.import_start, name="import_start"),
    path("<slug:slug>/imports/jobs/<int:job_id>/", imports.job_state, name="import_job"),
    path("<slug:slug>/imports/jobs/<int:job_id>/restart/", imports.job_restart, name="import_job_restart"),
    path("<slug:slug>/imports/jobs/<int:job_id>/aside/", imports.aside, name="import_aside"),
    path("<slug:slug>/staff/", staff.staff_list, name="staff"),
    path("<slug:slug>/staff/export.<format:fmt>", staff.staff_export, name="staff_export"),
    path("<slug:slug>/staff/add/", staff.staff_add, name="staff_add"),
    path("<slug:slug>/staff/<int:user_id>/change/", staff.staff_change, name="staff_change"),
    path("<slug:slug>/staff/<int:user_id>/remove/", staff.staff_remove, name="staff_remove"),
    path("<slug:slug>/audit/", audit.audit_page, name="audit"),
    path("<slug:slug>/audit/export.<format:fmt>", audit.audit_export, name="audit_export"),
    path("<slug:slug>/lists/<slug:page>/columns/", saved_views.columns, name="list_columns"),
    path("<slug:slug>/lists/<slug:page>/views/", saved_views.save, name="view_save"),
    path("<slug:slug>/lists/<slug:page>/views/<int:view_id>/", saved_views.change, name="view_change"),
]
