"""What `inspect` says in English, and how that is said in Japanese; kept as in `sentences`.

Names of settings and of programs are the same in both.
"""

INSPECT_SENTENCES: dict[str, dict[str, str]] = {
    "inspected": {
        "Detector": "検出器",
        "Model": "言語モデル",
        "Encoder": "文エンコーダー",
        "Settings": "設定",
        "Columns": "列",
        "Columns of numbers": "数値の列",
        "Columns that say the same few things": "決まった言葉が繰り返される列",
        "Columns held against normal rows with the same (in brackets)": (
            "括弧内の列が同じ正常な行と比べる列"
        ),
        "Words held against those of normal rows with the same (in brackets)": (
            "括弧内の列が同じ正常な行と言葉を比べる列"
        ),
        "Empty cells held against those of normal rows with the same (in brackets)": (
            "括弧内の列が同じ正常な行と空欄の有無を比べる列"
        ),
        "Training texts": "学習データ",
        "Fitted at": "学習日時",
        "Fingerprint of texts and labels": "文とラベルのハッシュ値",
        "Format": "形式",
        "Written by": "作成時のバージョン",
        "Files": "ファイル",
        "{n}, {megabytes} MB, unchanged": "{n}個、{megabytes} MB、変更なし",
        "drawn at random (seed {seed}) from {n} rows": "{n}行から無作為に抽出（シード{seed}）",
        # Why the detector is what it is, as it was when the folder was written
        "auto: two views, of topic and of form, by how surprising they are{views}; topic "
        "counts for {topic}, the more the better similarity tells held-out groups of the "
        "normal texts from the rest, which it does in {separation} of pairs (AUROC), and for "
        "half at least where the encoder is wholly trusted; it is trusted to {encoder}, less "
        "where its vocabulary cuts the texts into short pieces; similarity asks the nearest 4% "
        "of the normal texts for {far} and the five nearest for the rest, as that tells "
        "held-out groups best; easy and broken language count for {language} by themselves: a "
        "loss that is low for the text's length, for more where those of the normal texts lie "
        "close together, and one that is high for it or words in short pieces": (
            "auto：話題と形の二つの見方を、珍しさの度合いに直して合わせます{views}。話題の比重は"
            "{topic}（正常な文の群を類似度で見分けられるほど重く、今回見分けられた組は"
            "{separation}。エンコーダーを全面的に信頼できるときは半分以上）。エンコーダーの信頼度"
            "は{encoder}（その語彙が文を短く切るほど低くなります）。類似度は、近い正常文の4%を"
            "{far}、最も近い5件を残りの割合で見ます。易しすぎる文と崩れた文の比重は{language}です"
        ),
        "lightgbm: gradient-boosted trees over the whole signature, trained on held-out "
        "clusters and corrupted texts against normal ones, and on labels where there are some": (
            "lightgbm：すべての特徴量に対する勾配ブースティング木。検証用の文の群と、わざと崩した"
            "文を正常な文と見分けるように学習しました（ラベルがあればそれも使います）"
        ),
        "isolation-forest: isolation forest over distances, context, losses and the minimal "
        "program; knows only normal texts, and no pseudo-outliers": (
            "isolation-forest：距離、文脈、損失、最短プログラムに対するアイソレーションフォレスト。"
            "正常な文だけから学習しました"
        ),
        "sentence embeddings of {n} texts{close}": "文{n}件の文埋め込み{close}",
        "states of {n} tokens at {depths} depths of the language model and of {n_other} at "
        "{other_depths} of the encoder, {order}": (
            "トークンの状態（{order}）：言語モデルの{depths}層分で{n}個、文エンコーダーの"
            "{other_depths}層分で{n_other}個"
        ),
        "the token that followed each of them, {order}": "それぞれの次に来たトークン（{order}）",
        "scores of {n} held-out texts": "検証用の文{n}件のスコア",
        "pooled states of {n} texts by layer, and their principal directions": (
            "文{n}件の層ごとの平均状態と、その主な方向"
        ),
        "mean and covariance of what {n} layers of the language model and {n_other} of the "
        "encoder change": (
            "言語モデルの{n}層と文エンコーダーの{n_other}層による変化の、平均と共分散"
        ),
        "losses of {n} texts under {n_programs} programs": (
            "文{n}件の、{n_programs}個のプログラムでの損失"
        ),
        "what tells the labelled anomalies from normal texts: a direction of the sentence "
        "embeddings, weights of hashed pieces of words{trees}": (
            "異常ラベル付きの文と正常な文との違い：文埋め込みの方向、語の断片（ハッシュ値）の重み"
            "{trees}"
        ),
        "{n} texts": "文{n}件",
    },
    "views": {
        "; a view of the columns, which counts for {columns}; what tells the labelled "
        "anomalies from normal texts counts for {labelled}": (
            "。列の見方の比重は{columns}、異常ラベル付きの文と正常な文との違いの比重は{labelled}"
        ),
        "; views of the columns, of their numbers and of their words, which together count for "
        "{columns}; what tells the labelled anomalies from normal texts counts for {labelled}": (
            "。列の見方（数値と言葉）の比重は合わせて{columns}、異常ラベル付きの文と正常な文との違い"
            "の比重は{labelled}"
        ),
        "; a view of the columns, which counts for {columns}": "。列の見方の比重は{columns}",
        "; views of the columns, of their numbers and of their words, which together count for "
        "{columns}": "。列の見方（数値と言葉）の比重は合わせて{columns}",
        "; what tells the labelled anomalies from normal texts counts for {labelled}": (
            "。異常ラベル付きの文と正常な文との違いの比重は{labelled}"
        ),
    },
    "close": {
        ", and how close they stand": "と、互いの近さ",
    },
    "order": {
        "in the order of the texts": "文の順",
        "shuffled": "順不同",
    },
    "trees": {
        ", and trees on the numbers of rows": "、行の数値に対する木",
    },
}
