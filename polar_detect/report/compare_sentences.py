"""What `compare` says in English, and the same in Japanese; kept as in `sentences`."""

COMPARE_SENTENCES: dict[str, tuple[str, str]] = {
    # The table
    "said.heading.method": ("method", "手法"),
    "said.heading.labels": ("labels", "ラベル"),
    "said.heading.ap": ("average precision", "平均適合率"),
    "said.heading.fpr": ("FPR at 95 % recall", "再現率95%での誤検出率"),
    "said.heading.recall1": ("recall at 1 % false alarms", "誤検出1%での再現率"),
    "said.heading.recall5": ("recall at 5 % false alarms", "誤検出5%での再現率"),
    "said.heading.gap": ("AUROC − best baseline", "最良の比較手法とのAUROCの差"),
    "said.heading.brief_gap": ("− best baseline", "最良との差"),
    "said.heading.fit": ("fit, s", "学習（秒）"),
    "said.heading.rows": ("1,000 rows, s", "1,000行（秒）"),
    "said.heading.brief_rows": ("s/1,000", "秒/1,000行"),
    "said.heading.model": ("model", "モデル"),
    "said.heading.gain": ("R² gained by the signature", "文の特徴量によるR²の増加"),
    "said.cell.yes": ("yes", "あり"),
    "said.cell.no": ("no", "なし"),
    "said.cell.interval": ("{value} ({low} to {high})", "{value} ({low}～{high})"),
    "said.cell.method": ("{baseline} on {view}", "{baseline}（{view}）"),
    "said.cell.labelled": ("{method} with labels", "{method}（ラベルあり）"),
    "said.method.method": ("{baseline} on {view}", "{baseline}（{view}）"),
    "said.method.labelled": ("{method} with labels", "{method}（ラベルあり）"),
    "said.baseline.forest": ("random forest", "ランダムフォレスト"),
    "said.baseline.isolation": ("isolation forest", "アイソレーションフォレスト"),
    "said.view.signature": ("{view} + signature", "{view}＋文の特徴量"),
    "said.view.numbers": ("numbers", "数値"),
    # On what it was measured
    "compare.fitted": (
        "Fitted on {normal} normal and {anomalous} anomalous rows, tested on {test_normal} and "
        "{test_anomalous}.",
        "学習：正常{normal}行、異常{anomalous}行。テスト：正常{test_normal}行、異常"
        "{test_anomalous}行。",
    ),
    "compare.text": ("Text: {read}.", "本文：{read}。"),
    "said.read.column": ("column '{name}'", "列「{name}」"),
    "said.read.single": ("{n} column written out", "{n}列を書き出したもの"),
    "said.read.rows": ("{n} columns written out", "{n}列を書き出したもの"),
    "compare.columns": ("Numbers and categories: {names}.", "数値とカテゴリーの列：{names}。"),
    "compare.learned": (
        "Methods with labels 'yes' learned from the labelled anomalous training rows; all others "
        "saw normal rows only.",
        "ラベルが「あり」の手法は異常ラベル付きの行からも学習しました。ほかの手法は正常な行だけで"
        "学習しています。",
    ),
    "compare.unlearned": (
        "No method saw an anomalous row. LightGBM and random forest learned to tell normal rows "
        "from rows whose cells are drawn column by column.",
        "どの手法も異常な行を学習に使っていません。LightGBMとランダムフォレストは、正常な行と、列ごとに値を"
        "引き直した行との違いを学習しました。",
    ),
    "compare.flattered": (
        "{interval} The best of {n} methods on the same rows is flattered by that choice.",
        "{interval}同じ行で{n}個の手法から選んだ最良のものは、実際より良く見えます。",
    ),
    "said.interval.rows": (
        "In brackets: bootstrap 95 % intervals over test rows.",
        "かっこ内：テスト行のブートストラップによる95%信頼区間。",
    ),
    "compare.interval": (
        "In brackets: bootstrap 95 % intervals over test rows.",
        "かっこ内：テスト行のブートストラップによる95%信頼区間。",
    ),
    "compare.drawn": (
        "{n} of {n_all} {part} rows were drawn (--max-rows).",
        "{part}の{n_all}行から{n}行を無作為に選びました（--max-rows）。",
    ),
    "said.part.training": ("training", "学習用"),
    "said.part.test": ("test", "テスト用"),
    "compare.no_text": (
        "{n} test rows without text were left out.",
        "本文のないテスト行{n}行を除きました。",
    ),
    "compare.cut": (
        "{n_cut} of {n} texts are longer than {n_tokens} tokens, and polar-detect reads no "
        "further (--max-tokens).",
        "{n}件のうち{n_cut}件の文は、polar-detectが読む{n_tokens}トークンより長い文です"
        "（--max-tokens）。",
    ),
    "compare.few_labels": (
        "{n} labelled anomalous training rows are too few to learn from.",
        "異常ラベル付きの学習用の行が{n}行しかないため、ラベルからは学習できません。",
    ),
    "compare.doubt": ("Of the training rows: {notice}.", "学習用の行：{notice}。"),
    "compare.shared_rows": (
        "{n} of {n_all} test rows are among the training rows too; every method profits from "
        "those.",
        "テスト用の{n_all}行のうち{n}行は学習用の行にもあり、どの手法にも有利に働きます。",
    ),
    "compare.shared_texts": (
        "{n} of {n_all} test rows have a text that is among the training rows too; every method "
        "profits from those.",
        "テスト用の{n_all}行のうち{n}行は本文が学習用の行にもあり、どの手法にも有利に働きます。",
    ),
    "compare.counts": (
        "Column {column} counts rows or names them, and was left out.",
        "列{column}は行の連番か識別番号のため除きました。",
    ),
    "compare.many_counts": (
        "Columns {columns} count rows or name them, and were left out.",
        "列{columns}は行の連番か識別番号のため除きました。",
    ),
    "compare.same": (
        "Left out, as all rows say the same there, or nothing: {listed}.",
        "どの行も同じ値（または空欄）のため除いた列：{listed}。",
    ),
    "compare.unread": (
        "Left out, as neither numbers nor few values that come again are there: {listed}; "
        "--columns reads them as text.",
        "数値でもなく、値の種類も多いため除いた列：{listed}（--columns で指定すると文字として"
        "読みます）。",
    ),
    "compare.read_as": ("Read otherwise than written: {notice}.", "書き方の読み替え：{notice}。"),
    "compare.words": (
        "Column {column} {fate}: {share} % of its cells are numbers, others such as {word}.",
        "列{column}は{fate}（セルの{share}%は数値、ほかは{word}など）。",
    ),
    "said.fate.text": ("is read as text", "文字として読みます"),
    "said.fate.out": ("was left out", "除きました"),
    "compare.no_numbers": (
        "{source}: {unread}; for the baselines they are missing.",
        "{source}: {unread}。比較手法では欠損とします。",
    ),
    "said.unread.single": (
        "{cells} of column {column} is no number, such as {word}",
        "列{column}の{cells}は数値ではありません（{word}）",
    ),
    "said.unread.many": (
        "{cells} of column {column} are no numbers, such as {word}",
        "列{column}の{cells}は数値ではありません（{word}など）",
    ),
    "compare.huge": (
        "{source}: {huge}; for the baselines no number is larger.",
        "{source}: {huge}。比較手法ではこの値までに抑えます。",
    ),
    "said.huge.cells": (
        "{cells} of column {column} beyond {most}",
        "列{column}の{cells}は{most}を超えています",
    ),
    "error.huge_target": (
        "Got {value} in line {line}, column {column}, of {source}; expected numbers to predict of "
        "at most {most}; correct the cell or leave it empty.",
        "{source} の{line}行目、列{column}の値 {value} は大きすぎます。予測する数値は{most}以下にす"
        "るか、空欄にしてください。",
    ),
    "compare.rejected": (
        "{source}: {n} of {n_all} rows could not be read.",
        "{source}: {n_all}行のうち{n}行を読めませんでした。",
    ),
    "compare.folds": ("{n} rows, {folds}.", "{n}行、{folds}。"),
    "said.folds.holdout": ("hold-out", "ホールドアウト"),
    "said.folds.many": ("{n}-fold cross-validation", "{n}分割の交差検証"),
    # What to do
    "compare.best_model": (
        "Best on these rows: {method}, R² {bounds}: typically off by {rmse} (RMSE).",
        "これらの行で最も良いのは{method}：R² {bounds}、誤差の目安は{rmse}（RMSE）です。",
    ),
    "compare.best": ("Best on these rows: {best}", "これらの行で最も良いのは{best}"),
    "said.best.words": (
        "{method}, {words}. Of 100 pairs of an anomalous and a normal row it scores the anomalous "
        "one higher in {pairs}; with 5 false alarms in 100 normal rows it finds {share} % of the "
        "anomalous ones.",
        "{method}：{words}。異常な行と正常な行を1行ずつ比べると、100組中{pairs}組で異常な行のほうが高い"
        "スコアになります。誤検出を正常な行の5%まで許すと、異常な行の{share}%が見つかります。",
    ),
    "said.words.auroc": ("AUROC {bounds}, {kind}", "AUROCは{bounds}、{kind}"),
    "said.bounds.bounds": ("{value} ({low} to {high})", "{value}（{low}～{high}）"),
    "said.kind.labels": ("learned from labels", "ラベルから学習"),
    "said.kind.none": ("without labels", "ラベルなし"),
    "compare.leak": (
        "Careful: {names} gives the label away in these rows. If it is known only once the "
        "anomaly is, leave it out (--columns with the others), or every figure here is too good; "
        "if before, watching them is all you need.",
        "注意：これらの行では{names}を見るだけでラベルがわかります。異常がわかった後に記入される"
        "列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出ます）。"
        "事前にわかる列なら、その列を監視するだけで十分です。",
    ),
    "compare.leaks": (
        "Careful: {names} give the label away in these rows. If they are known only once the "
        "anomaly is, leave them out (--columns with the others), or every figure here is too "
        "good; if before, watching them is all you need.",
        "注意：これらの行では{names}のどれかを見るだけでラベルがわかります。異常がわかった後に記"
        "入される列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出ま"
        "す）。事前にわかる列なら、その列を監視するだけで十分です。",
    ),
    "compare.foretell": (
        "Careful: {names} gives the number away in these rows. If it is known only once the "
        "number is, leave it out (--columns with the others), or every figure here is too good; "
        "if before, no model is needed.",
        "注意：これらの行では{names}を見るだけで予測する数値がわかります。その数値が出た後にわかる"
        "列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出ます）。"
        "事前にわかる列なら、モデルは必要ありません。",
    ),
    "compare.foretell_many": (
        "Careful: {names} give the number away in these rows. If they are known only once the "
        "number is, leave them out (--columns with the others), or every figure here is too "
        "good; if before, no model is needed.",
        "注意：これらの行では{names}のどれかを見るだけで予測する数値がわかります。その数値が出た後"
        "にわかる列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出ま"
        "す）。事前にわかる列なら、モデルは必要ありません。",
    ),
    "compare.none": (
        "Recommendation: none of these. The best one is not told from guessing (AUROC .5): the "
        "columns may not show the anomalies, or there are too few test rows.",
        "推奨：なし。最良の手法も当て推量（AUROC 0.5）と区別できません。列に異常が現れていないか、"
        "テスト用の行が少なすぎます。",
    ),
    "compare.no_model": (
        "Recommendation: none of these. The best one is not told from predicting the mean.",
        "推奨：なし。最良のモデルも、平均値による予測と区別できません。",
    ),
    "compare.use": (
        "Recommendation: use {method}. It is {why}.",
        "推奨：{method}。理由：{why}。",
    ),
    "said.why.cheap": (
        "as good as the best for any practical end, and {rank} of {n} that are ({own} instead of "
        "{best} per 1,000 rows)",
        "実用上は最良の手法と同等で、同等の{n}手法のうち{rank}（1,000行あたり{own}、最良の手法は"
        "{best}）",
    ),
    "said.rank.first": ("the cheapest", "最も速い"),
    "said.rank.among": ("one of the cheapest", "最も速いものの1つ"),
    "said.why.level": (
        "the best, and none of {n} that are as good costs much less",
        "最良で、同等の{n}手法の中に大幅に速いものはない",
    ),
    "said.why.best": (
        "the best, {gap} ahead of {method}",
        "最良で、次点の{method}をAUROCで{gap}上回る",
    ),
    "compare.use_model": (
        "Recommendation: use {method}; it is {reason}.",
        "推奨：{method}（{reason}）。",
    ),
    "said.reason.cheap": (
        "one of the cheapest of {n} that are as good as the best",
        "最良と同等の{n}個のうち最も速いものの1つ",
    ),
    "said.reason.best": ("the best", "最良"),
    "compare.cheaper": (
        "{method} takes {own} instead of {best} per 1,000 rows and may be as good ({gap}, {low} "
        "to {high}); more anomalous test rows would tell.",
        "{method}は1,000行あたり{best}ではなく{own}で済み、同等かもしれません（差{gap}、{low}～"
        "{high}）。テスト用の異常な行を増やせばわかります。",
    ),
    "compare.ours": (
        "{method}: {words}; {gap} against the best baseline, {other} ({low} to {high}): {verdict}.",
        "{method}：{words}。最良の比較手法（{other}）との差は{gap}（{low}～{high}）、{verdict}。",
    ),
    "said.other.method": ("{baseline} on {view}", "{baseline}（{view}）"),
    "said.verdict.better": ("better, beyond noise", "誤差の範囲を超えて優れています"),
    "said.verdict.worse": ("worse, beyond noise", "誤差の範囲を超えて劣っています"),
    "said.verdict.level": ("within noise", "誤差の範囲内です"),
    "compare.fit": (
        "Next: {first}polar-detect fit TRAIN {options} --detector {detector} --out FOLDER.",
        "次の手順：{first}polar-detect fit TRAIN {options} --detector {detector} --out FOLDER を"
        "実行してください。",
    ),
    "said.first.leave": (
        "leave the anomalous rows out of TRAIN, and ",
        "学習データ（TRAIN）から異常な行を除き、",
    ),
    "compare.other": (
        "Next: {recipe}; polar-detect is not needed.",
        "次の手順：{recipe}。polar-detectは必要ありません。",
    ),
    "said.recipe.on": ("{tool} on {matrix}", "{matrix}に {tool} を使う"),
    "said.matrix.numbers": ("the numeric columns", "数値の列"),
    "said.matrix.tfidf": ("sklearn's TfidfVectorizer", "sklearnのTfidfVectorizerの結果"),
    "said.matrix.embeddings": ("{name} sentence embeddings", "{name}の文埋め込み"),
    "compare.resemble": (
        "It learned from labelled anomalies and finds those that resemble them; for kinds never "
        "seen, the best without labels is {method} (AUROC {bounds}).",
        "ラベル付きの異常から学習したため、それに似た異常を見つけます。未知の種類の異常には、ラベ"
        "ルなしで最良の{method}（AUROC {bounds}）が向きます。",
    ),
    "compare.few_rows": (
        "Only {n} anomalous test rows: the intervals are wide, so measure again with more.",
        "テスト用の異常な行が{n}行しかなく、信頼区間が広くなっています。行を増やして測り直してくだ"
        "さい。",
    ),
    "compare.gain": (
        "Signature features change the R² of {method} by {gap} ({low} to {high}): {verdict}.",
        "文の特徴量による{method}のR²の変化：{gap}（{low}～{high}）、{verdict}。",
    ),
    "compare.worth": (
        "Signature features are worth their time here{sure}.",
        "ここでは、文の特徴量に時間をかける価値があります{sure}。",
    ),
    "said.sure.not": (
        ", though not beyond noise: measure with more rows",
        "が、差は誤差の範囲内です（行を増やして測ってください）",
    ),
    "compare.help_others": (
        "Leave the signature features out: they help {methods}, but what is recommended is as "
        "good without them.",
        "文の特徴量は不要です。{methods}には役立ちますが、推奨するモデルは、なくても同等です。",
    ),
    "compare.no_worth": (
        "Leave the signature features out: they cost time and bring nothing here.",
        "文の特徴量は不要です。ここでは時間がかかるだけで、効果がありません。",
    ),
    # What any reading of a table says, and what `fit` says of languages
    "compare.language": (
        "{found}; --{option} {name} is multilingual.",
        "{found}。--{option} {name} は多言語対応です。",
    ),
    "compare.other_language": (
        "{found}; choose a {title} of that language with --{option}.",
        "{found}。その言語の{title}を --{option} で指定してください。",
    ),
    "compare.notice": ("{source}: {notice}.", "{source}: {notice}。"),
    # Errors
    "error.compare_column": (
        "Got column '{column}'; the table {source} has: {listed}. Name one of them.",
        "{source} に列「{column}」がありません。次のいずれかを指定してください：{listed}。",
    ),
    "error.compare_numbers": (
        "Got column '{column}' of {source} with cells that are not numbers, or none at all; "
        "expected numbers; correct the cells or name another column.",
        "{source} の列「{column}」に数値でないセルがあるか、数値がありません。セルを直すか、別の"
        "列を指定してください。",
    ),
    "error.compare_read": (
        "Got column {column} in {option}, which is what is to be found out; expected other "
        "columns; leave it out there.",
        "{option} の列{column}は、予測する対象です。{option} から外してください。",
    ),
    "error.compare_class": (
        "Got test rows of one class only, once rows without text are left out; expected normal "
        "and anomalous ones; check the text column.",
        "本文のない行を除くと、テスト用の行が正常か異常の一方だけになります。本文の列を確認して"
        "ください。",
    ),
    "error.compare_few": (
        "Got {normal} normal and {anomalous} anomalous rows to test on; expected at least {least} "
        "of each; check the label column or add rows.",
        "テスト用の行が正常{normal}行、異常{anomalous}行しかありません。それぞれ{least}行以上必要"
        "です。ラベルの列を確認するか、行を増やしてください。",
    ),
    "error.compare_target": (
        "Got {n} rows with a number to predict (or all the same); expected at least {least} that "
        "differ; check --target.",
        "予測する数値のある行が{n}行しかないか、値がすべて同じです。異なる値のある行が{least}行以上"
        "必要です。--target を確認してください。",
    ),
    "error.compare_no_test": (
        "Got no row of {source} with both a text and a number in column {column}; expected some "
        "to test on; fill them in or leave TEST out.",
        "{source} に、本文と列{column}の数値の両方がある行がありません。テストに使う行を記入する"
        "か、TEST を指定しないでください。",
    ),
    "error.compare_nothing": (
        "Got neither a text column nor a column of numbers in {source}; expected one of them; "
        "pass --text-column, --columns or --numeric-columns.",
        "{source} に本文の列も数値の列も見つかりません。--text-column、--columns、"
        "--numeric-columns のいずれかで指定してください。",
    ),
    "error.compare_ending": (
        "Got --out '{path}'; expected a name that ends in {endings}; rename it.",
        "--out「{path}」の末尾は {endings} のいずれかにしてください。",
    ),
    "error.usage_target": (
        "give either --label-column or --target, and not both",
        "--label-column と --target は、どちらか1つだけを指定してください。",
    ),
    "error.usage_text": (
        "give either --text-column or --columns, not both",
        "--text-column と --columns は同時に使えません。",
    ),
}
