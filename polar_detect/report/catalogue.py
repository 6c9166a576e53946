"""The texts that reports and commands say by a key, in English and Japanese.

`{name}` is a placeholder; `{text}` and `{texts}` are what is scored, texts or rows. An entry
`KEY.one` is what `KEY` reads for a count of one. Plain text only: renderers escape what they get.
What modules below say in plain English, and is known by that, stands in `sentences` and its like.
"""

TEXTS: dict[str, tuple[str, str]] = {
    # Page
    "title": ("Anomaly report: {source}", "異常検知レポート：{source}"),
    "kicker": ("Anomaly report", "異常検知レポート"),
    "contents": ("Contents", "目次"),
    "nav.summary": ("Summary", "概要"),
    "nav.detector": ("Detector", "検出器"),
    "nav.scores": ("Scores", "スコア"),
    "nav.drift": ("Drift", "全体のずれ"),
    "nav.layers": ("Reasons", "理由"),
    "nav.programs": ("Programs", "プログラム"),
    "nav.reading": ("How to read", "読み方"),
    "nav.rows": ("Rows", "行の一覧"),
    "skip_link": ("Skip to the rows", "行の一覧へ移動"),
    # What is scored, which every text may name: `{text}` and `{texts}`
    "unit.text": ("text", "文"),
    "unit.texts": ("texts", "文"),
    "unit.text.rows": ("row", "行"),
    "unit.texts.rows": ("rows", "行"),
    # Summary
    "summary.none": ("None of {n} texts stands out.", "{n}件のうち、要確認の文はありません。"),
    "summary.none.one": (
        "The one text does not stand out.",
        "1件の文は要確認ではありません。",
    ),
    "summary.only": ("The one text stands out.", "1件の文が要確認です。"),
    "summary.some": ("{flagged} of {n} texts stand out.", "{n}件のうち{flagged}件が要確認です。"),
    "summary.some.one": ("1 of {n} texts stands out.", "{n}件のうち1件が要確認です。"),
    # The same of a detector of whole rows
    "summary.none.rows": (
        "None of {n} rows stands out.",
        "{n}行のうち、要確認の行はありません。",
    ),
    "summary.none.rows.one": (
        "The one row does not stand out.",
        "1行は要確認ではありません。",
    ),
    "summary.only.rows": ("The one row stands out.", "1行が要確認です。"),
    "summary.some.rows": (
        "{flagged} of {n} rows stand out.",
        "{n}行のうち{flagged}行が要確認です。",
    ),
    "summary.some.rows.one": ("1 of {n} rows stands out.", "{n}行のうち1行が要確認です。"),
    "summary.chance": (
        "Had all of them been normal, chance alone would have flagged about {expected} "
        "({alpha} of {n}; {low} to {high} would be no surprise).",
        "すべて正常だったとしても、偶然だけで約{expected}件（{n}件の{alpha}）が要確認になります"
        "（{low}～{high}件なら想定内）。",
    ),
    "summary.more": (
        "This batch has more flags than chance explains.",
        "今回の件数は偶然では説明できません。",
    ),
    "summary.no_more": (
        "This batch has no more than chance explains, so expect false alarms among the flagged "
        "ones.",
        "今回の件数は偶然の範囲内です。要確認の中には誤検出が含まれると考えてください。",
    ),
    "summary.quiet": (
        "This batch has no more than chance explains.",
        "今回の件数は偶然の範囲内です。",
    ),
    "summary.empty": (
        "{n} rows have no text and were not scored.",
        "本文のない{n}行は採点していません。",
    ),
    "summary.empty.one": (
        "1 row has no text and was not scored.",
        "本文のない1行は採点していません。",
    ),
    "summary.reasons": (
        "What raised the flagged texts most often: {reasons}.",
        "要確認の文のスコアを押し上げた主な理由：{reasons}。",
    ),
    "summary.reasons.rows": (
        "What raised the flagged rows most often: {reasons}.",
        "要確認の行のスコアを押し上げた主な理由：{reasons}。",
    ),
    "summary.reason.rows": ("{name} ({n} rows)", "{name}（{n}行）"),
    "summary.reason.rows.one": ("{name} (1 row)", "{name}（1行）"),
    "summary.reason": ("{name} ({n} texts)", "{name}（{n}件）"),
    "summary.reason.one": ("{name} (1 text)", "{name}（1件）"),
    "summary.advice": (
        "Start with the first rows of the table: they are the least like normal {texts}.",
        "まず一覧の上位から確認してください。上ほど正常な{texts}から離れています。",
    ),
    "summary.advice.marked": (
        "Look at the marked words and at the nearest normal {texts} beside them.",
        "色の付いた語と、近い正常な{texts}との違いが手がかりになります。",
    ),
    "summary.advice.listed": (
        "Look at the words that are hardest to predict and at the nearest normal {texts}, which "
        "are given row by row.",
        "行ごとに示した、予測しにくい語と近い正常な{texts}との違いが手がかりになります。",
    ),
    "summary.advice.brief": (
        "What raised its score most stands below each {text}; the HTML report also marks words "
        "and shows the nearest normal {texts}.",
        "各{text}の下に、スコアを上げた主な理由を示しています。HTML形式のレポートでは、予測しにくい"
        "語に色が付き、近い正常な{texts}も確認できます。",
    ),
    # The same where cells count by themselves
    "summary.advice.cells.marked": (
        "Look at the marked values, at what normal rows hold there, and at the nearest normal "
        "rows.",
        "色の付いた値を、正常な行の値の範囲や、近い正常な行と見比べてください。",
    ),
    "summary.advice.cells.listed": (
        "Look at the values that raised the score, at what normal rows hold there, and at the "
        "nearest normal rows, which are given row by row.",
        "行ごとに示した、スコアを上げた値を、正常な行の値の範囲や、近い正常な行と見比べて"
        "ください。",
    ),
    "summary.advice.cells.brief": (
        "What raised its score most stands below each row; the HTML report also marks values and "
        "shows what normal rows hold there and the nearest normal rows.",
        "各行の下に、スコアを上げた主な理由を示しています。HTML形式のレポートでは、スコアを上げた"
        "値に色が付き、正常な行の値の範囲や近い正常な行も確認できます。",
    ),
    "summary.advice_drift": (
        "As the whole batch differs from the normal {texts}, many flags may have one common "
        "cause (another source, language or format). If the change is wanted, fit again on "
        "recent normal {texts}.",
        "データ全体が正常な{texts}とずれているため、多くの要確認には共通の原因（入力元・言語・書式の"
        "変更など）があるかもしれません。意図した変更であれば、最近の正常な{texts}で学習し直して"
        "ください。",
    ),
    "summary.advice_drift.rows": (
        "If dates, lot numbers or other columns whose values are new in every row were fitted on, "
        "fit again without them.",
        "日付やロット番号など、行ごとに新しい値になる列も学習に使った場合は、その列を除いて学習し直して"
        "ください。",
    ),
    "tile.rows": ("rows", "行数"),
    "tile.flagged": ("flagged", "要確認"),
    "tile.expected": ("expected by chance", "偶然の見込み件数"),
    "tile.empty": ("without text", "本文なし"),
    "tile.drift": ("whole batch", "データ全体"),
    "auroc.title": (
        "Chance that an anomalous {text} scores higher than a normal one",
        "異常な{text}が正常な{text}より高いスコアになる確率",
    ),
    "aupr.title": ("Area under the precision-recall curve", "適合率・再現率曲線の下の面積"),
    "quality.note": (
        "AUROC and AUPR compare the scores with the labels that the file carries; 1 is "
        "perfect, and guessing gives an AUROC of 0.5.",
        "AUROCとAUPRは、ファイル内の正解ラベルとスコアを比べた値です。1なら完全で、当て推量の"
        "AUROCは0.5です。",
    ),
    # How to read
    "reading.title": ("How to read this", "読み方"),
    "reading.score": ("Score", "スコア"),
    "reading.score.text": (
        "How little a {text} resembles the normal {texts} that the detector was fitted on. Higher "
        "means more unusual, not worse.",
        "学習した正常な{texts}にどれだけ似ていないかを表します。高いほど珍しい{text}ですが、必ずしも"
        "悪い内容とは限りません。",
    ),
    "reading.p": ("p-value", "p値"),
    "reading.p.text": (
        "The share of held-out normal {texts} that look at least as unusual. A row is flagged "
        "where it is at most {alpha}. With {n} held-out {texts} the smallest possible value is "
        "{smallest}.",
        "学習に使わなかった正常な{texts}のうち、同じかそれ以上に珍しいものの割合です。{alpha}以下の"
        "行を要確認とします。検証用の{texts}が{n}件なので、最小値は{smallest}です。",
    ),
    "reading.program": ("Program", "プログラム"),
    "reading.program.text": (
        "The shortest sequence of the model's {n_layers} layers found that still reads the {text} "
        "about as well as all of them: layers may be skipped or looped. It shows how the model "
        "reads the {text}; the detector auto does not count it in the score.",
        "モデルの全{n_layers}層とほぼ同じ精度で{text}を読める、見つかった中で最短の層の並びです。"
        "層は省略も反復もできます。モデルの読み方を示すもので、検出器 auto のスコアには"
        "含まれません。",
    ),
    "reading.part": ("Part of score", "寄与"),
    "reading.part.text": (
        "What each layer, or the whole {text}, adds to the score (SHAP value). Base value and "
        "all parts add up to the score. They say what the detector looked at, not what caused "
        "the {text}.",
        "各層や{text}全体の性質がスコアに加えた分（SHAP値）です。基準値とすべての寄与の合計が"
        "スコアになります。検出器が何を見たかを示すもので、異常の原因そのものではありません。",
    ),
    # Detector
    "detector.title": ("The detector", "検出器"),
    "detector.lead": (
        "A small language model and a sentence encoder read each {text}. How well the {text} can "
        "be predicted, how much the memory of normal {texts} helps, and how far {text} and tokens "
        "lie from the normal ones in each layer make the signature that is scored.",
        "小さな言語モデルと文エンコーダーが{text}を読みます。{text}の予測しやすさ、正常な{texts}の"
        "記憶の効果、各層での{text}とトークンの正常な{texts}からの距離をまとめた特徴量からスコアを求めます。",
    ),
    "detector.kind": ("method", "方式"),
    "detector.model": ("language model", "言語モデル"),
    "detector.model.text": ("{name}, {n_layers} layers", "{name}（{n_layers}層）"),
    "detector.encoder": ("sentence encoder", "文エンコーダー"),
    "detector.fitted_on": ("fitted on", "学習データ"),
    "detector.fitted_on.text": (
        "{n} normal {texts}, {n_held_out} more held out for the p-values",
        "正常な{texts}{n}件（ほかに検証用{n_held_out}件）",
    ),
    "detector.columns": ("columns", "列"),
    "detector.columns.text": (
        "how their values go together counts for {share}",
        "値とその組み合わせの見方の比重は{share}",
    ),
    "detector.labelled": ("labelled anomalies", "ラベル付きの異常"),
    "detector.labelled.text": (
        "{n}; what tells them from the normal {texts} counts for {share}",
        "{n}件（正常な{texts}との違いの比重は{share}）",
    ),
    "detector.labelled.few": (
        "{n}, too few different ones to be alike",
        "{n}件（異なるものが少なすぎるため、共通点は学習していません）",
    ),
    "detector.created": ("fitted at", "学習日時"),
    "detector.max_tokens": ("text length", "読む長さ"),
    "detector.max_tokens.text": ("the first {n} tokens are read", "先頭{n}トークンまで"),
    "detector.tolerance": ("minimal program", "最短プログラム"),
    "detector.tolerance.text": (
        "at most {tolerance} nats per token above the full one",
        "損失の増加が1トークンあたり{tolerance} nat以内",
    ),
    "detector.smallest": ("smallest p-value", "p値の最小値"),
    "detector.scored": ("scored", "採点対象"),
    "detector.scored.text": ("{source}, {n} rows", "{source}（{n}行）"),
    "detector.threshold": ("flagged from", "要確認の基準"),
    "detector.threshold.text": (
        "p ≤ {alpha}, score ≥ {threshold}, by {n} held-out normal {texts}",
        "p ≤ {alpha}、スコア ≥ {threshold}（検証用の正常な{texts}{n}件による）",
    ),
    "head.auto": (
        "auto: two views. Topic (similarity to normal {texts}, their memory, their tokens) counts "
        "for {topic}, form (words, tokens, memory, ease of prediction, length, what layers change) "
        "for the rest: the better similarity tells held-out groups of the normal {texts} apart, "
        "here in {separation} of pairs, the more topic counts. The encoder is trusted to "
        "{encoder}; similarity asks the nearest 4% of the normal {texts} for {far} and the five "
        "nearest for the rest; language that is too easy for its length, or broken, counts for "
        "{language} by itself",
        "auto：話題と形の二つの見方を合わせます。話題（正常な{texts}との類似、その記憶とトークン）の"
        "比重は{topic}、残りが形（語、トークン、記憶、予測しやすさ、長さ、層による変化）。正常な{texts}の"
        "群を類似度で見分けられるほど話題を重く見ます（今回見分けられた組は{separation}）。"
        "エンコーダーの信頼度は{encoder}。類似度は、近い正常な{texts}の4%を{far}、最も近い5件を残りの割合で"
        "見ます。長さの割に易しすぎる{texts}と崩れた{texts}の比重は{language}",
    ),
    "head.lightgbm": ("lightgbm: boosted trees", "lightgbm：勾配ブースティング木"),
    "head.isolation-forest": (
        "isolation-forest: isolation forest over the signature",
        "isolation-forest：特徴量に対するアイソレーションフォレスト",
    ),
    # Excel file of scored rows
    "sheet.rows": ("rows", "行の一覧"),
    "sheet.summary": ("summary", "概要"),
    "sheet.input": ("Input", "入力"),
    "sheet.n_rows": ("Rows", "行数"),
    "sheet.n_empty": ("Rows with an empty text", "本文のない行"),
    "sheet.n_rejected": ("Rows that could not be read", "読めなかった行"),
    "sheet.n_flagged": ("Flagged rows", "要確認の行"),
    "sheet.by_chance": (
        "Flagged by chance if all rows were normal, about",
        "すべて正常でも偶然に要確認となる行（約）",
    ),
    "sheet.alpha": (
        "Alpha (rows with a p-value of at most this are flagged)",
        "α（p値がこれ以下の行を要確認とする）",
    ),
    "sheet.fdr": (
        "Share of flagged rows expected to be normal, at most",
        "要確認の行のうち正常と見込まれる割合（上限）",
    ),
    "sheet.n_cut": (
        "Texts cut to the 32,767 characters of a cell",
        "セルの上限32,767文字で切った文",
    ),
    "sheet.n_replaced": (
        "Texts with characters that Excel cannot hold, written as \ufffd",
        "Excelで扱えない文字を\ufffdに置き換えた文",
    ),
    # Scores
    "scores.title": ("How the scores are distributed", "スコアの分布"),
    "scores.normal": ("Held-out normal {texts} ({n})", "検証用の正常な{texts}（{n}件）"),
    "scores.batch": ("This batch ({n})", "今回のデータ（{n}件）"),
    "scores.axis": ("score (higher = more unusual)", "スコア（高いほど珍しい）"),
    "scores.threshold": ("threshold {threshold}", "しきい値 {threshold}"),
    "scores.caption": ("Bars: shares of each group.", "棒：各グループ内の割合。"),
    "scores.caption_threshold": (
        "Dashed line: threshold {threshold}; from there on the p-value is at most {alpha} and "
        "the bars of this batch are orange.",
        "破線：しきい値{threshold}。これ以上はp値が{alpha}以下で、今回のデータの棒はオレンジです。",
    ),
    "scores.caption_none": (
        "No score can be flagged: with {n} held-out {texts} no p-value is as small as {alpha}.",
        "検証用の{texts}が{n}件ではp値が{alpha}以下にならないため、要確認と判定できません。",
    ),
    "scores.beyond": (
        "The last bar also counts {n} higher scores of this batch.",
        "右端の棒には、さらに高い{n}件も含みます。",
    ),
    "scores.beyond.one": (
        "The last bar also counts 1 higher score of this batch.",
        "右端の棒には、さらに高い1件も含みます。",
    ),
    "scores.bar": ("{low} to {high}: {share} of rows", "{low}～{high}：{share}"),
    "scores.alt": (
        "Two histograms of scores on one axis: {n_normal} held-out normal {texts}, and {n_batch} "
        "{texts} of this batch, of which {flagged} lie at or above the threshold of {threshold}.",
        "同じ軸の2つのヒストグラム：検証用の正常な{texts}{n_normal}件と、今回のデータ{n_batch}件"
        "（うち{flagged}件がしきい値{threshold}以上）。",
    ),
    # Drift
    "drift.title": ("Is the batch as a whole different?", "データ全体がずれていないか"),
    "drift.none": (
        "The batch as a whole looks like the normal {texts}.",
        "データ全体の傾向は正常な{texts}と変わりません。",
    ),
    "drift.slight": (
        "The batch as a whole differs slightly from the normal {texts}. Unless its anomalous rows "
        "alone make the difference, the promised error rates do not hold here.",
        "データ全体が正常な{texts}からわずかにずれています。異常な行だけが原因でない限り、誤検出率の保証は"
        "成り立ちません。",
    ),
    "drift.clear": (
        "The batch as a whole clearly differs from the normal {texts}. Unless its anomalous rows "
        "alone make the difference, the promised error rates do not hold here.",
        "データ全体が正常な{texts}から明らかにずれています。異常な行だけが原因でない限り、誤検出率の保証は"
        "成り立ちません。",
    ),
    "drift.too few": (
        "There are too few {texts} to say whether the batch as a whole is different.",
        "{texts}が少なすぎるため、データ全体のずれは判定できません。",
    ),
    "drift.tile.none": ("as normal", "ずれなし"),
    "drift.tile.slight": ("slightly off", "わずかなずれ"),
    "drift.tile.clear": ("clearly off", "明らかなずれ"),
    "drift.tile.too few": ("too few texts", "件数不足"),
    "drift.pairs": (
        "Of 100 pairs of one {text} from this batch and one normal {text}, the one from this batch "
        "scores higher in {pairs}; without drift it would be 50.",
        "今回の{text}と正常な{text}を1件ずつ比べると、100組中{pairs}組で今回の{text}のスコアが高くなります"
        "（ずれがなければ50組）。",
    ),
    "drift.test": (
        "Kolmogorov–Smirnov test of the scores: distance {distance}, p = {p}, {n_batch} {texts} "
        "against {n_normal} held-out normal ones. Drift is said at p ≤ {level}.",
        "スコアのコルモゴロフ・スミルノフ検定：距離{distance}、p = {p}（{n_batch}件と検証用の"
        "正常な{texts}{n_normal}件）。p ≤ {level}のとき、ずれありとします。",
    ),
    "drift.short": ("Drift by layer (standard deviations)", "層ごとのずれ（標準偏差）"),
    "drift.layers": (
        "How far the features of each layer moved, in standard deviations of normal {texts}",
        "各層の特徴量がどれだけ変化したか（正常な{texts}の標準偏差を単位とする）",
    ),
    "drift.layers.alt": (
        "Shift per layer, in layer order; {n} of {n_layers} layers moved.",
        "層ごとのずれ（層の順）。{n_layers}層のうち{n}層が変化しました。",
    ),
    "drift.bar": ("Layer {layer}: {size}, p = {p}", "第{layer}層：{size}、p = {p}"),
    "drift.caption": (
        "Orange: moved beyond chance (false discovery rate {rate} over all layers). Root mean "
        "square over the features of a layer; p by Simes' test over them.",
        "オレンジ：偶然の範囲を超えて変化した層（全層での偽発見率{rate}）。値は層の特徴量の"
        "二乗平均平方根（RMS）、p値は層内の特徴量に対するSimes検定によります。",
    ),
    "drift.features": ("Features that moved most", "変化の大きい特徴量"),
    "drift.nothing_moved": (
        "No layer and no feature moved beyond chance.",
        "偶然の範囲を超えて変化した層や特徴量はありません。",
    ),
    "drift.moved_only": (
        "Some features moved, though the scores as a whole did not; a few unusual {texts} are "
        "enough for that.",
        "スコア全体にはずれがありませんが、一部の特徴量は変化しています。珍しい{texts}が一部にあるだけでも"
        "こうなります。",
    ),
    "drift.size": ("shift", "ずれ"),
    "drift.size_unit": ("standard deviations", "標準偏差"),
    "drift.moved": ("moved", "変化"),
    "drift.yes": ("yes", "あり"),
    "drift.no": ("within chance", "偶然の範囲内"),
    "drift.unknown": (
        "This detector holds no feature statistics of normal {texts}, so layers and features are "
        "not compared; fit it again to see them.",
        "この検出器は正常な{texts}の特徴量の統計を持たないため、層や特徴量の比較はできません。学習し直すと"
        "表示されます。",
    ),
    # Global reasons
    "layers.empty": ("empty text", "本文なし"),
    "layers.title": ("What drives the scores", "スコアに影響している要因"),
    "layers.lead": (
        "On average over this batch, {leading} move the scores most among the layers; "
        "properties of the whole {text} account for {share} of all movement.",
        "今回のデータの平均では、層の中で{leading}の影響が最も大きく、スコアの変動の{share}は"
        "{text}全体の性質によるものです。",
    ),
    "layers.bars": (
        "Layers: mean size of their part of the score",
        "層：寄与の大きさの平均",
    ),
    "layers.bars.alt": (
        "Mean absolute SHAP value per layer, in layer order; largest: {leading}.",
        "層ごとのSHAP値の絶対値の平均（層の順）。最大は{leading}。",
    ),
    "layers.whole": ("Whole {text}: mean size of its parts", "{text}全体：寄与の大きさの平均"),
    "layers.whole.alt": (
        "Mean absolute SHAP value per property of the whole {text}",
        "{text}全体の性質ごとのSHAP値の絶対値の平均",
    ),
    "layers.swarm": (
        "Each dot is a {text}: how much a feature raised or lowered its score",
        "点1つが1件の{text}：特徴量がスコアをどれだけ上げ下げしたか",
    ),
    "layers.swarm.alt": (
        "Beeswarm of SHAP values over {n} {texts}. Strongest features: {features}.",
        "{n}件の{texts}のSHAP値のビースウォーム図。影響の大きい特徴量：{features}。",
    ),
    "layers.swarm.caption": (
        "To the right the feature raises the score, to the left it lowers it. Colour, and rings "
        "or discs: the feature's own value among the {texts} shown.",
        "右はスコアを上げた{texts}、左は下げた{texts}です。色と丸の種類（輪か塗りつぶし）は、表示した"
        "{texts}の中での特徴量の値の大きさです。",
    ),
    "layers.swarm.stretched": (
        "Some features reach far beyond the others, so the axis counts in powers of ten beyond "
        "{unit}: compare places with its marks, not lengths.",
        "他より桁違いに大きい特徴量があるため、{unit}より外側の目盛りは10倍ごとです。長さではなく"
        "目盛りで比べてください。",
    ),
    "layers.swarm.sample": (
        "{n} drawn evenly from all {n_all}.",
        "全{n_all}件から偏りなく選んだ{n}件。",
    ),
    "swarm.low": ("low value", "値が小さい"),
    "swarm.high": ("high value", "値が大きい"),
    "axis.layer": ("layer", "層"),
    "axis.shap": ("part of the score (SHAP)", "スコアへの寄与（SHAP）"),
    "axis.share": ("share of {texts}", "{texts}の割合"),
    # Programs
    "programs.title": ("Typical program and this batch", "典型的なプログラムと今回のデータ"),
    "programs.lead": (
        "Normal {texts} need {usual} of {n_layers} layer calls on average, {texts} of this batch "
        "{now}.",
        "正常な{texts}は{n_layers}層のうち平均{usual}回、今回のデータは平均{now}回の層呼び出しを"
        "必要とします。",
    ),
    "programs.moved": (
        "The use of layers differs most at {layers}.",
        "使い方の差が最も大きい層：{layers}。",
    ),
    "programs.change": (
        "layer {layer} ({usual} calls → {now})",
        "第{layer}層（{usual}回 → {now}回）",
    ),
    "programs.normal": ("normal {texts}", "正常な{texts}"),
    "programs.batch": ("this batch", "今回のデータ"),
    "programs.alt": (
        "Mean number of calls of each layer, for normal {texts} and for this batch.",
        "正常な{texts}と今回のデータでの、各層の平均呼び出し回数。",
    ),
    "programs.caption": (
        "Filled: how often the layer is called on average; empty = always skipped, full = "
        "always kept, green = looped.",
        "塗りの高さ：平均呼び出し回数。空白＝常に省略、全高＝常に使用、緑＝反復。",
    ),
    "layer.mean_calls": (
        "Layer {layer}: {calls} calls on average",
        "第{layer}層：平均{calls}回",
    ),
    "layer.skip": ("Layer {layer}: skipped", "第{layer}層：省略"),
    "layer.keep": ("Layer {layer}: kept (called once)", "第{layer}層：使用（1回）"),
    "layer.loop": (
        "Layer {layer}: looped (called {calls} times)",
        "第{layer}層：反復（{calls}回）",
    ),
    "layer.value": ("Layer {layer}: {value}", "第{layer}層：{value}"),
    "legend.skip": ("skipped", "省略"),
    "legend.keep": ("kept", "使用"),
    "legend.loop": ("looped (×2: called twice)", "反復（×2：2回）"),
    "legend.raise": ("raises the score", "スコアを上げる"),
    "legend.lower": ("lowers the score", "スコアを下げる"),
    "legend.token_1": ("hard to predict", "予測しにくい"),
    "legend.token_2": ("hardest to predict", "最も予測しにくい"),
    "legend.cell_1": ("raised the score", "スコアを上げた値"),
    "legend.cell_2": ("raised it most", "特に大きく上げた値"),
    "legend.unread": ("not read", "未読部分"),
    # Rows
    "rows.title": ("Rows with the highest scores", "スコアの高い行"),
    "rows.none": ("There is no row to show.", "表示する行はありません。"),
    "rows.listed": (
        "The table lists the {n} highest of {n_all} scored rows; the first {n_cards} are "
        "explained below it.",
        "採点した{n_all}行のうち上位{n}行の一覧です。上位{n_cards}行は下に詳しい説明があります。",
    ),
    "rows.listed.all": (
        "The table lists all {n} scored rows; the first {n_cards} are explained below it.",
        "採点した{n}行すべての一覧です。上位{n_cards}行は下に詳しい説明があります。",
    ),
    "rows.numbered.sheet": (
        "Rows have the numbers that they have in the sheet, where the heading counts too.",
        "行番号は、Excelなどで開いたときのシートの行番号です（見出しも数えます）。",
    ),
    "rows.numbered.file": (
        "Rows have the numbers of their lines in the file, where the heading counts too.",
        "行番号は、見出しも含めて数えたファイルの行番号です。",
    ),
    "rows.numbered.data": (
        "Rows are counted from 1, without the heading.",
        "行番号は、見出しを除いて1から数えたデータの行番号です。",
    ),
    "rows.left_out": (
        "{n} further rows are left out to keep this page small; the scored table has them.",
        "ページを小さく保つため、{n}行の説明を省きました。採点済みの表には含まれています。",
    ),
    "rows.left_out.one": (
        "1 further row is left out to keep this page small; the scored table has it.",
        "ページを小さく保つため、1行の説明を省きました。採点済みの表には含まれています。",
    ),
    "filter.title": ("Filter the rows", "行の絞り込み"),
    "filter.text": ("Text or reason contains", "本文・理由に含む語"),
    "filter.flagged": ("flagged only", "要確認のみ"),
    "filter.shown": ("%d of %d rows shown", "%d / %d 行を表示"),
    "filter.sort": ("sort by {column}", "{column}で並べ替え"),
    "column.rank": ("rank", "順位"),
    "column.row.sheet": ("row", "行"),
    "column.row.file": ("line", "行"),
    "column.row.data": ("row", "行"),
    "column.score": ("score", "スコア"),
    "column.p": ("p-value", "p値"),
    "column.flag": ("flag", "判定"),
    "column.label": ("label", "ラベル"),
    "column.reason": ("raised by", "主な理由"),
    "column.text": ("text", "本文"),
    "column.length": ("layer calls", "層呼び出し数"),
    "flag.yes": ("flagged", "要確認"),
    "flag.no": ("not flagged", "通常"),
    "label.anomaly": ("anomaly", "異常"),
    "label.normal": ("normal", "正常"),
    "text.empty": ("(empty text)", "（本文なし）"),
    # Cards
    "card.row.sheet": ("Row {row} of the sheet", "シートの{row}行目"),
    "card.row.file": ("Line {row} of the file", "ファイルの{row}行目"),
    "card.row.data": ("Row {row} of the data", "データの{row}行目"),
    "card.label": ("known label", "正解ラベル"),
    "card.more": (
        "Continue reading ({n} characters in all)",
        "続きを読む（全{n}文字）",
    ),
    "card.left_out": (
        "{n} further characters are not shown here.",
        "残り{n}文字は表示していません。",
    ),
    "card.token": ("costs {loss} nats", "損失 {loss} nat"),
    "card.cell.mark": ("part of score {part}", "スコアへの寄与 {part}"),
    "card.unread": (
        "The language model reads the first {n} characters of this {text}; what follows counts "
        "only as far as the sentence encoder reads.",
        "言語モデルが読むのは、この{text}の先頭{n}文字までです。それ以降は、文エンコーダーが読む範囲でのみスコアに影響します。",
    ),
    "card.unread.row": (
        "The language model reads the first {n} characters of this row. Columns of numbers count "
        "in full, and so do those of words that repeat; all else behind that only as far as the "
        "sentence encoder reads.",
        "言語モデルが読むのは先頭{n}文字までです。数値の列と決まった言葉が繰り返される列はすべてスコアに影響"
        "し、それ以外は文エンコーダーが読む範囲でのみ影響します。",
    ),
    "card.labelled_words": (
        "Worded like the labelled anomalies: {words}.",
        "ラベル付きの異常と共通する語句：{words}。",
    ),
    "card.new": ("No normal row has {cells}.", "正常な行にない値です：{cells}。"),
    "card.new.cell": ("{says} in “{column}”", "「{column}」の「{says}」"),
    "card.new.cell.empty": ("a missing “{column}”", "「{column}」の空欄"),
    "reason.new": ("new in “{column}”: {says}", "「{column}」の新しい値「{says}」"),
    "reason.new.empty": ("“{column}” has no value", "「{column}」に値がない"),
    "card.tokens": (
        "Hardest to predict from normal {texts}: {words}.",
        "正常な{texts}から最も予測しにくい語：{words}。",
    ),
    "quoted": ("“{word}”", "「{word}」"),
    "card.raised": (
        "What raised the score most: {reasons}.",
        "スコアを押し上げた主な要因：{reasons}。",
    ),
    "card.not_raised": (
        "Nothing raised this score above the base value.",
        "スコアを基準値より押し上げた要因はありません。",
    ),
    "card.reason": ("{name} ({value})", "{name}（{value}）"),
    "card.layers": ("Layers: program and part of the score", "層：プログラムとスコアへの寄与"),
    "card.layers.alt": (
        "Program {program}, of {n} layer calls, below the typical program; then the part of "
        "each layer in the score, {total} together.",
        "典型的なプログラムの下に、プログラム{program}（層呼び出し{n}回）。その下に各層のスコアへの"
        "寄与（合計{total}）。",
    ),
    "card.typical": ("typical of normal {texts}", "正常な{texts}の典型"),
    "card.this": ("this {text}", "この{text}"),
    "card.waterfall": ("From base value to score", "基準値からスコアまで"),
    "card.sum": (
        "{base} base {layers} layers {whole} whole {text} = {score}",
        "基準値 {base}、層 {layers}、{text}全体 {whole} → スコア {score}",
    ),
    "card.program": ("program", "プログラム"),
    "card.length": ("length", "長さ"),
    "card.length.text": ("{n} layer calls", "層呼び出し{n}回"),
    "card.length.aside": ("typical {usual}, full {n_layers}", "典型{usual}、全層{n_layers}"),
    "card.loss": ("loss", "損失"),
    "card.loss.text": (
        "{full} full program, {own} this program",
        "全層 {full}、このプログラム {own}",
    ),
    "card.loss.unit": ("nats per token", "nat／トークン"),
    "card.features": ("Features that count most", "影響の大きい特徴量"),
    "card.feature": ("feature", "特徴量"),
    "card.value": ("value", "値"),
    "card.part": ("part of score", "寄与"),
    "card.cells": ("Columns that count most", "影響の大きい列"),
    "card.column": ("column", "列"),
    "card.empty": ("no value", "値なし"),
    "card.usual": ("normal rows", "正常な行"),
    "card.usual.range": ("{low} to {high}", "{low}～{high}"),
    "card.usual.beside": ("{usual} with {said}", "{said}では{usual}"),
    "card.cell": (
        "“{name}” = {says} (normal rows: {usual}; {value})",
        "「{name}」＝{says}（正常な行：{usual}、{value}）",
    ),
    "card.cell.empty": ("“{name}” has no value ({value})", "「{name}」に値がない（{value}）"),
    "card.cell.usual": (
        "“{name}” = {says} (usual by itself, unusual beside the other columns; {value})",
        "「{name}」＝{says}（単独では通常の値だが他の列との組み合わせが珍しい、{value}）",
    ),
    "card.cell.labelled": (
        "“{name}” = {says} (as in the labelled anomalies; normal rows: {usual}; {value})",
        "「{name}」＝{says}（ラベル付きの異常と同様、正常な行：{usual}、{value}）",
    ),
    "card.neighbours": ("Nearest normal {texts}", "近い正常な{texts}"),
    "step.base": ("base value", "基準値"),
    "step.score": ("score", "スコア"),
    "step.layers": ("{n} layers", "{n}層"),
    "step.layers.one": ("1 layer", "1層"),
    "step.other_layers": ("{n} other layers", "その他の{n}層"),
    "step.other_layers.one": ("1 other layer", "その他の1層"),
    "step.others": ("{n} others", "その他{n}項目"),
    # Footer
    "footer.sources": (
        "Layer programs: Li, Li and Zhou, “Skip a Layer or Loop It? Learning Program-of-Layers "
        "in LLMs”, ICML 2026, arXiv 2606.06574. p-values: Bates et al., arXiv 2104.08279.",
        "層プログラム：Li, Li and Zhou, “Skip a Layer or Loop It? Learning Program-of-Layers in "
        "LLMs”, ICML 2026, arXiv 2606.06574。p値：Bates et al., arXiv 2104.08279。",
    ),
    # Names of reasons
    "layer": ("layer {layer}", "第{layer}層"),
    "group.context": ("similar texts in view", "似た文の効果"),
    "group.loss": ("predictability", "予測しやすさ"),
    "group.length": ("text length", "文の長さ"),
    "group.neighbours": ("similarity to normal", "正常な文との類似"),
    "group.tokens": ("wording", "語句"),
    "group.encoder": ("content", "内容"),  # by the sentence encoder
    "group.memory": ("sequence of words", "語のつながり"),  # by what followed in normal texts
    "group.labelled": ("likeness to labelled anomalies", "ラベル付きの異常との類似"),
    "group.program": ("program", "プログラム"),
    "group.length_curve": ("loss of short programs", "短いプログラムの損失"),
    "group.column": ("columns", "列"),
    # What it means when one of them raises a score
    "reason.layer": (
        "unlike normal texts at layer {layer}",
        "第{layer}層で見て正常な文と違う",
    ),
    "reason.context": ("little help from similar texts", "似た文を参照しても予測しやすくならない"),
    "reason.loss": ("unusual predictability", "予測しやすさが通常と違う"),
    "reason.length": ("unusual length", "文の長さが通常と違う"),
    "reason.neighbours": ("few similar normal texts", "似た正常文が少ない"),
    "reason.tokens": ("wording unlike that of normal texts", "語句が正常な文と違う"),
    "reason.encoder": ("content unlike that of normal texts", "内容が正常な文と違う"),
    "reason.labelled": ("likeness to the labelled anomalies", "ラベル付きの異常に似ている"),
    "reason.memory": (
        "sequence of words unlike that of normal texts",
        "語のつながりが正常な文と違う",
    ),
    "reason.program": ("unusual program", "プログラムが通常と違う"),
    "reason.length_curve": (
        "short programs lose unusually much or little",
        "短いプログラムの損失の増え方が通常と違う",
    ),
    "reason.column": ("unusual column values", "列の値が通常と違う"),
    "reason.column.named": ("unusual “{name}”", "「{name}」の値が通常と違う"),
    "reason.column.beside": (
        "unusual “{name}” for its {others}",
        "{others}に対して「{name}」の値が通常と違う",
    ),
    "reason.column.empty": ("“{name}” has no value", "「{name}」に値がない"),
    # Names of features
    "feature.length/tokens": ("length in tokens", "トークン数"),
    "feature.length/characters_per_token": (
        "characters per token",
        "1トークンあたりの文字数",
    ),
    "feature.loss/mean": ("mean loss per token", "1トークンあたりの平均損失"),
    "feature.loss/spread": ("spread of the token losses", "トークン損失のばらつき"),
    "feature.loss/max": ("loss of the costliest token", "最も予測しにくいトークンの損失"),
    "feature.loss/surprise": (
        "loss beyond what the model expected",
        "モデルの想定を超えた損失",
    ),
    "feature.context/loss_without": (
        "loss without normal texts in view",
        "正常文を前に置かないときの損失",
    ),
    "feature.context/loss_with": (
        "loss with the nearest normal texts in view",
        "近い正常文を前に置いたときの損失",
    ),
    "feature.context/gain": (
        "loss saved by normal texts in view",
        "正常文を前に置いて減った損失",
    ),
    "feature.context/ratio": (
        "share of the loss that stays with normal texts in view",
        "正常文を前に置いても残る損失の割合",
    ),
    "feature.neighbours/similarity_first": (
        "similarity to the nearest normal text",
        "最も近い正常文との類似度",
    ),
    "feature.neighbours/similarity_mean": (
        "mean similarity to the nearest normal texts",
        "近い正常文との平均類似度",
    ),
    "feature.neighbours/similarity_local": (
        "mean similarity to the nearest normal texts, for how close those stand",
        "近い正常文との平均類似度（正常文どうしの近さを差し引いた値）",
    ),
    "feature.neighbours/similarity_far": (
        "mean similarity to the nearest 4% of the normal texts",
        "近い正常文の4%との平均類似度",
    ),
    "feature.labelled/likeness": (
        "likeness to the labelled anomalies (log-odds)",
        "ラベル付きの異常との類似（対数オッズ）",
    ),
    "feature.labelled/wording": (
        "wording like that of the labelled anomalies (log-odds)",
        "ラベル付きの異常との語句の類似（対数オッズ）",
    ),
    "feature.memory/loss_with": (
        "loss with the memory of normal tokens",
        "正常なトークンの記憶を使ったときの損失",
    ),
    "feature.memory/gain": (
        "loss saved by the memory of normal tokens",
        "正常なトークンの記憶で減った損失",
    ),
    "feature.memory/ratio": (
        "share of the loss that stays with the memory of normal tokens",
        "正常なトークンの記憶を使っても残る損失の割合",
    ),
    "feature.memory/share": (
        "probability of the text by the memory of normal tokens alone",
        "正常なトークンの記憶だけによる予測確率",
    ),
    "feature.encoder/mahalanobis/N": (
        "distance from normal texts, encoder layer {number}",
        "正常な文からの距離（エンコーダー第{number}層）",
    ),
    "feature.encoder/knn/N": (
        "distance to the nearest normal texts, encoder layer {number}",
        "最も近い正常な文までの距離（エンコーダー第{number}層）",
    ),
    "feature.encoder/novelty/N": (
        "distance of the tokens from normal tokens, encoder depth {number}",
        "正常なトークンからの距離（エンコーダー深さ{number}）",
    ),
    "feature.encoder/far_novelty/N": (
        "distance of the tokens from many normal tokens, encoder depth {number}",
        "多数の正常なトークンからの距離（エンコーダー深さ{number}）",
    ),
    "feature.encoder/characters_per_token": (
        "characters in a token of the encoder",
        "エンコーダーの1トークンあたりの文字数",
    ),
    "feature.encoder/change/N": (
        "change by encoder layer {number}: distance from that of normal texts",
        "エンコーダー第{number}層による変化：正常な文での変化からの距離",
    ),
    "feature.change/L": (
        "change by layer {layer}: distance from that of normal texts",
        "第{layer}層による変化：正常な文での変化からの距離",
    ),
    "feature.tokens/novelty/L": (
        "distance of the tokens from normal tokens, layer {layer}",
        "正常なトークンからの距離（第{layer}層）",
    ),
    "feature.program/length": ("layer calls of the program", "プログラムの層呼び出し数"),
    "feature.program/n_skips": ("layers that the program skips", "プログラムが省略する層の数"),
    "feature.program/n_loops": ("loops of the program", "プログラムの反復数"),
    "feature.length_curve/loss/N": (
        "loss that the best program of {number} % of the layers adds",
        "層の{number}%だけを使う最良のプログラムで増える損失",
    ),
    "feature.length_curve/area": (
        "loss that the best shorter programs add, on average",
        "短いプログラムで増える損失の平均",
    ),
    "feature.skip/L": (
        "loss change when layer {layer} is skipped",
        "第{layer}層を省略したときの損失の変化",
    ),
    "feature.loop/L": (
        "loss change when layer {layer} is looped",
        "第{layer}層を反復したときの損失の変化",
    ),
    "feature.exit/L": (
        "loss change when read out before layer {layer}",
        "第{layer}層の手前で読み出したときの損失の変化",
    ),
    "feature.distance/mahalanobis/L": (
        "distance from normal texts, layer {layer}",
        "正常な文からの距離（第{layer}層）",
    ),
    "feature.distance/knn/L": (
        "distance to the nearest normal texts, layer {layer}",
        "最も近い正常な文までの距離（第{layer}層）",
    ),
    "feature.context/gain/L": (
        "loss saved by normal texts in view, read out at layer {layer}",
        "正常文を前に置いて減った損失（第{layer}層で読み出し）",
    ),
    "feature.program/calls/L": (
        "how often the program calls layer {layer}",
        "プログラムが第{layer}層を呼ぶ回数",
    ),
    "part.column": ("“{name}”", "「{name}」"),
    "feature.column": ("column “{name}”", "列「{name}」"),
    "feature.column.value": (
        "column “{name}”: value, in standard deviations",
        "列「{name}」：値（標準偏差を単位とする）",
    ),
    "feature.column.likeness": (
        "column “{name}”: likeness to the labelled anomalies (part of the log-odds)",
        "列「{name}」：ラベル付きの異常との類似（対数オッズの一部）",
    ),
    "feature.column.residual": (
        "column “{name}”: what the other columns do not explain",
        "列「{name}」：他の列では説明できない分",
    ),
    "feature.column.distance": (
        "column “{name}”: distance to the nearest normal rows",
        "列「{name}」：最も近い正常な行までの距離",
    ),
    "feature.column.missing": (
        "column “{name}”: how rare it is that it is missing, or not",
        "列「{name}」：欠損（または記入）の珍しさ",
    ),
    "feature.column.level": (
        "column “{name}”: how rare what it says is beside the others, in nats",
        "列「{name}」：他の列と合わせて見た値の珍しさ（nat）",
    ),
    # Terminal
    "terminal.scored": (
        "{n} rows scored, {flagged} flagged; about {expected} expected by chance alone "
        "({alpha} of {n}).",
        "{n}行を採点、要確認{flagged}件（偶然だけで約{expected}件の見込み：{n}行の{alpha}）。",
    ),
    "terminal.scored.one": (
        "1 row scored, {flagged} flagged; about {expected} expected by chance alone "
        "({alpha} of {n}).",
        "1行を採点、要確認{flagged}件（偶然だけで約{expected}件の見込み：{n}行の{alpha}）。",
    ),
    "terminal.flagged": ("{flagged} flagged", "要確認{flagged}件"),
    "terminal.p": ("p", "p値"),
    "terminal.yes": ("yes", "要確認"),
    "terminal.no": ("no", "通常"),
    "terminal.drift": (
        "{verdict} (In {pairs} of 100 pairs with a normal {text} it scores higher; p = {p}.)",
        "{verdict}（正常な{text}と比べて100組中{pairs}組で高スコア、p = {p}）",
    ),
    "terminal.rate": (
        "{n} rows scored, {flagged} flagged; at most {fdr} of them are expected to be normal.",
        "{n}行を採点、要確認{flagged}件（そのうち正常と見込まれるのは最大{fdr}）。",
    ),
    "terminal.rate.one": (
        "1 row scored, {flagged} flagged; at most {fdr} of them are expected to be normal.",
        "1行を採点、要確認{flagged}件（そのうち正常と見込まれるのは最大{fdr}）。",
    ),
    "terminal.rate_floor": (
        "With {n_held_out} held-out {texts} no p-value is below {smallest}; among {n} rows flags "
        "begin where {n_needed} rows reach it.",
        "検証用の正常な{texts}が{n_held_out}件のため、p値は{smallest}を下回りません。{n}行では、"
        "{n_needed}行がこの値に達してはじめて要確認になります。",
    ),
    "terminal.resumed": (
        "{n} rows had been scored before the run was interrupted.",
        "中断前に採点済みの{n}行を引き継ぎました。",
    ),
    "terminal.stopped": (
        "stopped; what was not finished is not written, and an earlier result stays as it was",
        "中断しました。書き終えていない結果は保存されず、以前の結果はそのまま残ります。",
    ),
    "terminal.goes_on": (
        "stopped; the same command, without --restart, goes on where it stopped",
        "中断しました。--restart を付けずに同じコマンドを実行すると、続きから再開します。",
    ),
    "terminal.figures": ("{n} pictures in {folder}", "図{n}点を{folder}に保存しました。"),
    "terminal.no_font": (
        "No font with Japanese characters is installed, so the pictures show boxes in their "
        "place; install one (for example Noto Sans CJK JP), or use --format html.",
        "日本語フォントが見つからないため、図では文字が□になります。Noto Sans CJK JPなどを"
        "インストールするか、--format html を使ってください。",
    ),
    "terminal.no_browser": (
        "No browser was found to open the report with; open {path} by hand.",
        "レポートを開くブラウザーが見つかりません。{path} を手動で開いてください。",
    ),
    "terminal.rejected": (
        "{n} of {n_all} rows could not be read; with line and reason they are in {path}",
        "{n_all}行のうち{n}行を読めませんでした。行番号と理由は {path} にあります",
    ),
    # Stages of a long run
    "stage.score": ("score", "採点"),
    "stage.compute": ("compute", "計算"),
    "stage.read training texts": ("read training texts", "学習用の文の読み取り"),
    "stage.read held-out texts": ("read held-out texts", "検証用の文の読み取り"),
    "stage.read labelled anomalies": (
        "read labelled anomalies",
        "異常ラベル付きの文の読み取り",
    ),
    "stage.read texts": ("read texts", "文の読み取り"),
    "stage.read rows": ("read rows", "行の読み取り"),
    "stage.normal texts": ("normal texts", "正常な文の特徴量"),
    "stage.held-out clusters": ("held-out clusters", "群ごとに除いた文の特徴量"),
    "stage.held-out texts": ("held-out texts", "検証用の文の特徴量"),
    "stage.corrupted texts": ("corrupted texts", "崩した文の読み取り"),
    "stage.context of corrupted texts": (
        "context of corrupted texts",
        "崩した文の特徴量",
    ),
    "stage.minimal programs": ("minimal programs", "最短プログラムの探索"),
    "stage.baselines": ("baselines", "比較手法の計算"),
    "stage.intervals": ("intervals", "信頼区間の計算"),
    "stage.folds": ("folds", "交差検証"),
    "stage.search programs for the menu": (
        "search programs for the menu",
        "正常な文のプログラムを探索",
    ),
    "stage.programs of held-out texts": (
        "programs of held-out texts",
        "検証用の文のプログラム",
    ),
    # What `fit` says
    "fact": ("{label}: {value}", "{label}：{value}"),
    "fit.sampled": (
        "fitted on {n} of {n_all} rows, drawn at random; --max-texts takes more, which takes more "
        "memory and time",
        "{n_all}行から無作為に選んだ{n}行で学習します（--max-texts で増やせますが、メモリーと時間も"
        "増えます）",
    ),
    "fit.all_same": (
        "all {n} rows say the same, so that any other row will look strange; choose other columns",
        "{n}行がすべて同じ内容のため、ほかの行はすべて異常に見えます。別の列を選んでください",
    ),
    "fit.pasted": (
        "each row is there {times} times, beside which new ones will look strange; leave the "
        "copies out",
        "どの行も{times}回ずつあり、新しい行が異常に見えます。重複を除いてください",
    ),
    "fit.both": (
        "texts that are labelled both normal and anomalous: {n}, such as {text}; correct the "
        "labels",
        "正常と異常の両方のラベルが付いた文：{n}件（{text}など）。ラベルを直してください",
    ),
    "fit.copied": (
        "rows that stand above in the same order, as where an export was pasted in twice: {n}, "
        "from row {row} on; beside copies new rows will look strange, so leave them out",
        "上にある行と同じ並びの行が{n}行あります（{row}行目から）。同じ期間の記録を二重に貼り付けていま"
        "せんか。新しい行が異常に見えるため、重複を除いてください",
    ),
    "fit.empty": (
        "rows without a text are left out: {n} of {n_all}",
        "本文が空欄の行は除きます：{n_all}行中{n}行",
    ),
    "fit.unread": (
        "columns of numbers that are not read: {names}; --all-columns or --columns takes rows as "
        "a whole",
        "使わない数値の列：{names}（行全体を使うには --all-columns か --columns を指定）",
    ),
    "fit.replaced": (
        "{out}: the detector there is replaced",
        "{out}：今ある検出器を置き換えます",
    ),
    "fit.encoder": (
        "the texts are in a language that {default} hardly speaks, so {encoder}, which is "
        "multilingual, is their sentence encoder (--encoder)",
        "{default} は文の言語をほとんど扱えないため、多言語対応の {encoder} を文エンコーダーとして"
        "使いました（--encoder で変更可）",
    ),
    "texts.cut": (
        "{n_cut} of {n} texts are longer than the {n_tokens} tokens that are read of each; "
        "--max-tokens reads more, which takes more time",
        "{n}件のうち{n_cut}件の文は、読み取る先頭{n_tokens}トークンより長い文です（--max-tokens で"
        "増やせますが、時間も増えます）",
    ),
    "fit.rows": ("rows are read as: {row}", "行は次のように読みます：{row}"),
    "fit.numbers": (
        "columns that are numbers too: {names}",
        "数値としても使う列：{names}",
    ),
    "fit.categories": (
        "columns that say the same few things: {names}",
        "決まった言葉が繰り返される列：{names}",
    ),
    "fit.told": ("{name} ({factors})", "{name}（{factors}）"),
    "fit.told.words": (
        "words held against those of normal rows with the same (in brackets): {names}",
        "括弧内の列が同じ正常な行と言葉を比べる列：{names}",
    ),
    "fit.told.gaps": (
        "empty or filled as in normal rows with the same (in brackets): {names}",
        "括弧内の列が同じ正常な行と空欄の有無を比べる列：{names}",
    ),
    "fit.factors": (
        "held against normal rows with the same {factors}: {names}",
        "{factors}が同じ正常な行と比べる列：{names}",
    ),
    "fit.numbers.none": (
        "columns that are numbers too: none",
        "数値としても使う列：なし",
    ),
    "fit.numbers.as_text": (
        "numbers are read as text only, as they would have to be kept (--no-store-texts)",
        "数値は文字としてだけ読みます（--no-store-texts のため数値を保存しません）",
    ),
    "fit.kept": (
        "Kept in the folder: the {n} normal texts (polar-detect inspect {out} --texts lists them; "
        "fit --no-store-texts leaves them out), their embeddings, and states of their tokens",
        "フォルダーに保存したもの：正常な文{n}件（一覧は polar-detect inspect {out} --texts、保存"
        "しない場合は fit --no-store-texts）、その埋め込み、トークンの状態",
    ),
    "fit.kept.no_texts": (
        "Kept in the folder: no texts, but embeddings of the {n} normal texts and states of their "
        "tokens, from which much of what they say can be told. Neighbours are not shown{lost}",
        "フォルダーに保存したもの：正常な文{n}件の埋め込みとトークンの状態（文そのものは保存して"
        "いませんが、内容をかなり推測できます）。近い正常文は表示しません{lost}",
    ),
    "fit.kept.no_context": (
        ", and the detector goes without context gain",
        "。検出器は、似た文の効果も使いません",
    ),
    # What `inspect` says
    "inspect.kept": (
        "Kept of the training texts:",
        "学習データのうち保存されているもの：",
    ),
    "inspect.texts": (
        "--texts lists the texts.",
        "文の一覧は --texts で表示します。",
    ),
    "inspect.no_texts": (
        "No texts.",
        "文そのものは保存されていません。",
    ),
    "inspect.leaks": (
        "Embeddings and states are no texts, but whoever has the models can tell from them much "
        "of what the texts say.",
        "埋め込みと状態は文ではありませんが、モデルがあれば元の文の内容をかなり推測できます。",
    ),
    "inspect.lists_none": (
        "{folder} keeps no texts.",
        "{folder} に文は保存されていません。",
    ),
    # Punctuation
    "and": (" and ", "、"),
    "space": (" ", ""),
    "comma": (", ", "、"),
    "percent": ("{number} %", "{number}%"),
}
