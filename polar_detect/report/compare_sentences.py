"""What `compare` says in English, and how that is said in Japanese; kept as in `sentences`."""

COMPARE_SENTENCES: dict[str, dict[str, str]] = {
    "compared": {
        # On what it was measured
        "Fitted on {normal} normal and {anomalous} anomalous rows, tested on {test_normal} and "
        "{test_anomalous}.": (
            "学習：正常{normal}行、異常{anomalous}行。テスト：正常{test_normal}行、異常"
            "{test_anomalous}行。"
        ),
        "Text: {read}.": "本文：{read}。",
        "Numbers and categories: {names}.": "数値とカテゴリーの列：{names}。",
        "Methods with labels 'yes' learned from the labelled anomalous training rows; all "
        "others saw normal rows only.": (
            "ラベルが「あり」の手法は異常ラベル付きの行からも学習しました。ほかの手法は正常な行だ"
            "けで学習しています。"
        ),
        "No method saw an anomalous row. LightGBM and random forest learned to tell normal "
        "rows from rows whose cells are drawn column by column.": (
            "どの手法も異常な行を学習に使っていません。LightGBMとランダムフォレストは、正常な行と、"
            "列ごとに値を引き直した行との違いを学習しました。"
        ),
        "{interval} The best of {n} methods on the same rows is flattered by that choice.": (
            "{interval}同じ行で{n}個の手法から選んだ最良のものは、実際より良く見えます。"
        ),
        "In brackets: bootstrap 95 % intervals over test rows.": (
            "かっこ内：テスト行のブートストラップによる95%信頼区間。"
        ),
        "{n} of {n_all} {part} rows were drawn (--max-rows).": (
            "{part}の{n_all}行から{n}行を無作為に選びました（--max-rows）。"
        ),
        "{n} test rows without text were left out.": "本文のないテスト行{n}行を除きました。",
        "{n_cut} of {n} texts are longer than {n_tokens} tokens, and polar-detect reads no "
        "further (--max-tokens).": (
            "{n}件のうち{n_cut}件の文は、polar-detectが読む{n_tokens}トークンより長い文です"
            "（--max-tokens）。"
        ),
        "{n} labelled anomalous training rows are too few to learn from.": (
            "異常ラベル付きの学習用の行が{n}行しかないため、ラベルからは学習できません。"
        ),
        "Of the training rows: {notice}.": "学習用の行：{notice}。",
        "{n} of {n_all} test rows are among the training rows too; every method profits from "
        "those.": (
            "テスト用の{n_all}行のうち{n}行は学習用の行にもあり、どの手法にも有利に働きます。"
        ),
        "{n} of {n_all} test rows have a text that is among the training rows too; every "
        "method profits from those.": (
            "テスト用の{n_all}行のうち{n}行は本文が学習用の行にもあり、どの手法にも有利に働きます。"
        ),
        "Column {column} counts rows or names them, and was left out.": (
            "列{column}は行の連番か識別番号のため除きました。"
        ),
        "Columns {columns} count rows or name them, and were left out.": (
            "列{columns}は行の連番か識別番号のため除きました。"
        ),
        "Left out, as all rows say the same there, or nothing: {listed}.": (
            "どの行も同じ値（または空欄）のため除いた列：{listed}。"
        ),
        "Left out, as neither numbers nor few values that come again are there: {listed}; "
        "--columns reads them as text.": (
            "数値でもなく、値の種類も多いため除いた列：{listed}（--columns で指定すると文字として"
            "読みます）。"
        ),
        "Read otherwise than written: {notice}.": "書き方の読み替え：{notice}。",
        "Column {column} {fate}: {share} % of its cells are numbers, others such as {word}.": (
            "列{column}は{fate}（セルの{share}%は数値、ほかは{word}など）。"
        ),
        "{source}: {unread}; for the baselines they are missing.": (
            "{source}: {unread}。比較手法では欠損とします。"
        ),
        "{source}: {huge}; for the baselines no number is larger.": (
            "{source}: {huge}。比較手法ではこの値までに抑えます。"
        ),
        "{source}: {n} of {n_all} rows could not be read.": (
            "{source}: {n_all}行のうち{n}行を読めませんでした。"
        ),
        "{n} rows, {folds}.": "{n}行、{folds}。",
        # What to do
        "Best on these rows: {method}, R² {bounds}: typically off by {rmse} (RMSE).": (
            "これらの行で最も良いのは{method}：R² {bounds}、誤差の目安は{rmse}（RMSE）です。"
        ),
        "Best on these rows: {best}": "これらの行で最も良いのは{best}",
        "Careful: {names} gives the label away in these rows. If it is known only once the "
        "anomaly is, leave it out (--columns with the others), or every figure here is too "
        "good; if before, watching them is all you need.": (
            "注意：これらの行では{names}を見るだけでラベルがわかります。異常がわかった後に記入さ"
            "れる列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出ま"
            "す）。事前にわかる列なら、その列を監視するだけで十分です。"
        ),
        "Careful: {names} give the label away in these rows. If they are known only once the "
        "anomaly is, leave them out (--columns with the others), or every figure here is too "
        "good; if before, watching them is all you need.": (
            "注意：これらの行では{names}のどれかを見るだけでラベルがわかります。異常がわかった後"
            "に記入される列なら、--columns で除いてください（除かないと、ここの値はすべて実際より"
            "良く出ます）。事前にわかる列なら、その列を監視するだけで十分です。"
        ),
        "Careful: {names} gives the number away in these rows. If it is known only once the "
        "number is, leave it out (--columns with the others), or every figure here is too "
        "good; if before, no model is needed.": (
            "注意：これらの行では{names}を見るだけで予測する数値がわかります。その数値が出た後に"
            "わかる列なら、--columns で除いてください（除かないと、ここの値はすべて実際より良く出"
            "ます）。事前にわかる列なら、モデルは必要ありません。"
        ),
        "Careful: {names} give the number away in these rows. If they are known only once the "
        "number is, leave them out (--columns with the others), or every figure here is too "
        "good; if before, no model is needed.": (
            "注意：これらの行では{names}のどれかを見るだけで予測する数値がわかります。その数値が"
            "出た後にわかる列なら、--columns で除いてください（除かないと、ここの値はすべて実際よ"
            "り良く出ます）。事前にわかる列なら、モデルは必要ありません。"
        ),
        "Recommendation: none of these. The best one is not told from guessing (AUROC .5): the "
        "columns may not show the anomalies, or there are too few test rows.": (
            "推奨：なし。最良の手法も当て推量（AUROC 0.5）と区別できません。列に異常が現れていな"
            "いか、テスト用の行が少なすぎます。"
        ),
        "Recommendation: none of these. The best one is not told from predicting the mean.": (
            "推奨：なし。最良のモデルも、平均値による予測と区別できません。"
        ),
        "Recommendation: use {method}. It is {why}.": "推奨：{method}。理由：{why}。",
        "Recommendation: use {method}; it is {reason}.": "推奨：{method}（{reason}）。",
        "{method} may be as good ({gap}, {low} to {high}) and costs less ({saving}); more "
        "anomalous test rows would tell.": (
            "{method}は計算が軽く（{saving}）、同等かもしれません（差{gap}、{low}～{high}）。テスト"
            "用の異常な行を増やせばわかります。"
        ),
        "{method}: {words}; {gap} against the best baseline, {other} ({low} to {high}): "
        "{verdict}.": (
            "{method}：{words}。最良の比較手法（{other}）との差は{gap}（{low}～{high}）、"
            "{verdict}。"
        ),
        "Next: {first}polar-detect fit TRAIN {options} --detector {detector} --out FOLDER.": (
            "次の手順：{first}polar-detect fit TRAIN {options} --detector {detector} --out "
            "FOLDER を実行してください。"
        ),
        "Next: {recipe}; polar-detect is not needed.": (
            "次の手順：{recipe}。polar-detectは必要ありません。"
        ),
        "It learned from labelled anomalies and finds those that resemble them; for kinds "
        "never seen, the best without labels is {method} (AUROC {bounds}).": (
            "ラベル付きの異常から学習したため、それに似た異常を見つけます。未知の種類の異常には、"
            "ラベルなしで最良の{method}（AUROC {bounds}）が向きます。"
        ),
        "Only {n} anomalous test rows: the intervals are wide, so measure again with more.": (
            "テスト用の異常な行が{n}行しかなく、信頼区間が広くなっています。行を増やして測り直し"
            "てください。"
        ),
        "Signature features change the R² of {method} by {gap} ({low} to {high}): {verdict}.": (
            "文の特徴量による{method}のR²の変化：{gap}（{low}～{high}）、{verdict}。"
        ),
        "Signature features are worth their time here{sure}.": (
            "ここでは、文の特徴量に時間をかける価値があります{sure}。"
        ),
        "Leave the signature features out: they help {methods}, but what is recommended is as "
        "good without them.": (
            "文の特徴量は不要です。{methods}には役立ちますが、推奨するモデルは、なくても同等です。"
        ),
        "Leave the signature features out: they cost time and bring nothing here.": (
            "文の特徴量は不要です。ここでは時間がかかるだけで、効果がありません。"
        ),
        # What any reading of a table says, and what `fit` says of languages
        "{found}; --{option} {name} is multilingual.": (
            "{found}。--{option} {name} は多言語対応です。"
        ),
        "{found}; choose a {title} of that language with --{option}.": (
            "{found}。その言語の{title}を --{option} で指定してください。"
        ),
        "{source}: {notice}.": "{source}: {notice}。",
    },
    "errors": {
        "Got {value} in line {line}, column {column}, of {source}; expected numbers to predict "
        "of at most {most}; correct the cell or leave it empty.": (
            "{source} の{line}行目、列{column}の値 {value} は大きすぎます。予測する数値は{most}以"
            "下にするか、空欄にしてください。"
        ),
        # Errors
        "Got column '{column}'; the table {source} has: {listed}. Name one of them.": (
            "{source} に列「{column}」がありません。次のいずれかを指定してください：{listed}。"
        ),
        "Got column '{column}' of {source} with cells that are not numbers, or none at all; "
        "expected numbers; correct the cells or name another column.": (
            "{source} の列「{column}」に数値でないセルがあるか、数値がありません。セルを直すか、"
            "別の列を指定してください。"
        ),
        "Got column {column} in {option}, which is what is to be found out; expected other "
        "columns; leave it out there.": (
            "{option} の列{column}は、予測する対象です。{option} から外してください。"
        ),
        "Got test rows of one class only, once rows without text are left out; expected normal "
        "and anomalous ones; check the text column.": (
            "本文のない行を除くと、テスト用の行が正常か異常の一方だけになります。本文の列を確認し"
            "てください。"
        ),
        "Got {normal} normal and {anomalous} anomalous rows to test on; expected at least "
        "{least} of each; check the label column or add rows.": (
            "テスト用の行が正常{normal}行、異常{anomalous}行しかありません。それぞれ{least}行以上"
            "必要です。ラベルの列を確認するか、行を増やしてください。"
        ),
        "Got {n} rows with a number to predict (or all the same); expected at least {least} "
        "that differ; check --target.": (
            "予測する数値のある行が{n}行しかないか、値がすべて同じです。異なる値のある行が{least}"
            "行以上必要です。--target を確認してください。"
        ),
        "Got no row of {source} with both a text and a number in column {column}; expected "
        "some to test on; fill them in or leave TEST out.": (
            "{source} に、本文と列{column}の数値の両方がある行がありません。テストに使う行を記入"
            "するか、TEST を指定しないでください。"
        ),
        "Got neither a text column nor a column of numbers in {source}; expected one of them; "
        "pass --text-column, --columns or --numeric-columns.": (
            "{source} に本文の列も数値の列も見つかりません。--text-column、--columns、"
            "--numeric-columns のいずれかで指定してください。"
        ),
        "Got --out '{path}'; expected a name that ends in {endings}; rename it.": (
            "--out「{path}」の末尾は {endings} のいずれかにしてください。"
        ),
        "give either --label-column or --target, and not both": (
            "--label-column と --target は、どちらか1つだけを指定してください。"
        ),
        "give either --text-column or --columns, not both": (
            "--text-column と --columns は同時に使えません。"
        ),
    },
    "heading": {
        # The table
        "method": "手法",
        "labels": "ラベル",
        "average precision": "平均適合率",
        "FPR at 95 % recall": "再現率95%での誤検出率",
        "recall at 1 % false alarms": "誤検出1%での再現率",
        "recall at 5 % false alarms": "誤検出5%での再現率",
        "AUROC − best baseline": "最良の比較手法とのAUROCの差",
        "− best baseline": "最良との差",
        "fit, s": "学習（秒）",
        "1,000 rows, s": "1,000行（秒）",
        "s/1,000": "秒/1,000行",
        "model": "モデル",
        "R² gained by the signature": "文の特徴量によるR²の増加",
    },
    "cell": {
        "yes": "あり",
        "no": "なし",
        "{value} ({low} to {high})": "{value} ({low}～{high})",
        "{baseline} on {view}": "{baseline}（{view}）",
        "{method} with labels": "{method}（ラベルあり）",
    },
    "method": {
        "{baseline} on {view}": "{baseline}（{view}）",
        "{method} with labels": "{method}（ラベルあり）",
    },
    "baseline": {
        "random forest": "ランダムフォレスト",
        "isolation forest": "アイソレーションフォレスト",
    },
    "view": {
        "{view} + signature": "{view}＋文の特徴量",
        "numbers": "数値",
    },
    "read": {
        "column '{name}'": "列「{name}」",
        "{n} column written out": "{n}列を書き出したもの",
        "{n} columns written out": "{n}列を書き出したもの",
    },
    "interval": {
        "In brackets: bootstrap 95 % intervals over test rows.": (
            "かっこ内：テスト行のブートストラップによる95%信頼区間。"
        ),
    },
    "part": {
        "training": "学習用",
        "test": "テスト用",
    },
    "fate": {
        "is read as text": "文字として読みます",
        "was left out": "除きました",
    },
    "unread": {
        "{cells} of column {column} is no number, such as {word}": (
            "列{column}の{cells}は数値ではありません（{word}）"
        ),
        "{cells} of column {column} are no numbers, such as {word}": (
            "列{column}の{cells}は数値ではありません（{word}など）"
        ),
    },
    "huge": {
        "{cells} of column {column} beyond {most}": "列{column}の{cells}は{most}を超えています",
    },
    "folds": {
        "hold-out": "ホールドアウト",
        "{n}-fold cross-validation": "{n}分割の交差検証",
    },
    "best": {
        "{method}, {words}. Of 100 pairs of an anomalous and a normal row it scores the "
        "anomalous one higher in {pairs}; with 5 false alarms in 100 normal rows it finds "
        "{share} % of the anomalous ones.": (
            "{method}：{words}。異常な行と正常な行を1行ずつ比べると、100組中{pairs}組で異常な行の"
            "ほうが高いスコアになります。誤検出を正常な行の5%まで許すと、異常な行の{share}%が見つ"
            "かります。"
        ),
    },
    "words": {
        "AUROC {bounds}, {kind}": "AUROCは{bounds}、{kind}",
    },
    "bounds": {
        "{value} ({low} to {high})": "{value}（{low}～{high}）",
    },
    "kind": {
        "learned from labels": "ラベルから学習",
        "without labels": "ラベルなし",
    },
    "why": {
        "as good as the best for any practical end, and {rank} of {n} that are ({saving})": (
            "実用上は最良の手法と同等で、同等の{n}手法のうち{rank}（{saving}）"
        ),
        "the best, and runs {runs}; none of {n} that are as good does with less": (
            "最良で、{runs}。同等の{n}手法の中に、計算の種類がこれより軽いものはない"
        ),
        "the best, {gap} ahead of {method}": "最良で、次点の{method}をAUROCで{gap}上回る",
    },
    "saving": {
        "it runs {runs}, {own} s instead of {best} s per 1,000 rows": (
            "{runs}。1,000行あたり{best}秒に対し{own}秒"
        ),
        "it runs {runs}": "{runs}",
    },
    "runs": {
        "no model": "モデルを使わない",
        "the sentence encoder alone": "文エンコーダーだけを使う",
        "the language model once": "言語モデルを1回だけ通す",
        "the language model many times": "言語モデルを何度も通す",
    },
    "rank": {
        "the cheapest": "計算が最も軽い",
        "among the cheapest": "計算が最も軽いものの1つ",
    },
    "reason": {
        "one of the cheapest of {n} that are as good as the best": (
            "最良と同等の{n}個のうち計算が最も軽いものの1つ"
        ),
        "the best": "最良",
    },
    "other": {
        "{baseline} on {view}": "{baseline}（{view}）",
    },
    "verdict": {
        "better, beyond noise": "誤差の範囲を超えて優れています",
        "worse, beyond noise": "誤差の範囲を超えて劣っています",
        "within noise": "誤差の範囲内です",
    },
    "first": {
        "leave the anomalous rows out of TRAIN, and ": "学習データ（TRAIN）から異常な行を除き、",
    },
    "recipe": {
        "{tool} on {matrix}": "{matrix}に {tool} を使う",
    },
    "matrix": {
        "the numeric columns": "数値の列",
        "sklearn's TfidfVectorizer": "sklearnのTfidfVectorizerの結果",
        "{name} sentence embeddings": "{name}の文埋め込み",
    },
    "sure": {
        ", though not beyond noise: measure with more rows": (
            "が、差は誤差の範囲内です（行を増やして測ってください）"
        ),
    },
}
