"""What lists of words are often called, and what forms say above them of themselves.

Where all is words, 作成者 and 山田 above 設備 and 内容, only what they mean tells which are names.
"""

from collections.abc import Sequence

from polar_detect.tables.cells.names import folded

_COLUMNS = """
設備 設備名 機械 機械名 装置 装置名 号機 機種 内容 作業内容 点検内容 不具合内容 修理内容 対応内容
処置内容 コメント 備考 所見 対応 対策 処置 原因 現象 症状 状況 状態 結果 判定 項目 点検項目
検査項目 箇所 部位 場所 担当 担当者 作業者 分類 種別 種類 区分 日付 日時 月日 時刻 メモ 詳細 作業
質問 回答 件名 本文 題名 テキスト メッセージ no no. 番号 品名 工程 不良 不良内容 date time machine
equipment item comment comments note notes remark remarks text description details action cause
result status category type operator location question answer message subject datum maschine
anlage bemerkung beschreibung ursache maßnahme ergebnis
"""
_FORMS = """
作成者 作成 作成日 記入者 記録者 記録 報告者 点検者 検査者 測定者 承認 承認者 確認 確認者 責任者
担当 担当者 担当部署 部署 部署名 所属 部門 課 係 班 工場 工場名 事業所 拠点 ライン ライン名 職場
現場 客先 顧客 得意先 会社 会社名 件名 題名 タイトル 表題 帳票名 対象 対象設備 対象期間 期間 品名
品番 製品 製品名 機種 型式 型番 設備名 装置名 機械名 ロット ロット番号 工程 工程名 シート名 出力者
発行者 発行 版 改訂 依頼者 提出先 宛先 author operator inspector user customer company department
dept site plant line title report project preparedby createdby approvedby product model machine
device instrument lot batch prüfer bediener kunde firma abteilung werk linie titel projekt
ersteller
"""
_COLUMN, _FORM = (frozenset(map(folded, own.split())) for own in (_COLUMNS, _FORMS))


def are_columns(record: Sequence[str]) -> bool:
    """Return whether each filled cell of a record is what a column of words may be called."""
    return all(folded(cell) in _COLUMN for cell in record if cell.strip())


def is_of_form(record: Sequence[str]) -> bool:
    """Return whether a record says who made a form, or what of, and is no two names of columns.

    >>> [is_of_form(own.split()) for own in ("作成者： 山田", "担当 内容", "旋盤 給油")]
    [True, False, False]
    """
    cells = [folded(cell).rstrip(":") for cell in record if cell.strip()]
    return len(cells) == 2 and cells[0] in _FORM and cells[1] not in _COLUMN
