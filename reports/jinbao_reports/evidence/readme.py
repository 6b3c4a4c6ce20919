"""The page that lies in every package: what it is, how to check it, and what it does not prove."""

_TEXT = """证据包 验证说明
================
report.json    报告全部数字；本包各文件可从头算出它
rows/          每日采集日志（探针签名的原始批次，逐字节保存）；未披露的行只有哈希
ledger.jsonl   人工台账（停电公告、割接、申告、原因、审批），哈希成链
manifests/     中心每日签发的清单，一天连一天
tokens/        可信时间戳（RFC 3161），如有
config/        线路、合同、法定工作日历等参数文件；keys/ 中心公钥；探针公钥见台账
verify/        不依赖其他软件的核对程序；SHA256SUMS、SM3SUMS 校验和

怎样核对
  1. sha256sum -c SHA256SUMS（解包后）：文件是否完整。
  2. python3 -m verify 本文件 --sheet 签字单上的哈希：格式、哈希链、签名、清单。
     只需 Python 3.9 以上；签名用 cryptography 或 openssl。
  3. pip install 'jinbao-uptime[reports]=={version}'，再 jinbao-report verify 本文件 --sheet 哈希：另外重算每个数字。
  包内的核对程序是包的制作者给的，只图方便；审计应使用自己取得的程序。
  外部锚点须来自本包之外：双方签字的月度单（--sheet）、时间戳机构的证书（--tsa-ca）、或事先知道的中心公钥指纹（--keys）。
  没有外部锚点，只能说“自洽，无外部锚点”。

中心公钥指纹      {key}
最后一份清单      {day}
其哈希            {hash}

本包不能证明什么
  · 探针签名之前是否如实（两侧互证可减轻）；中心是否登记过假探针；是否有人拔了插头；
  · 故障由谁造成（只有证据和判定规则）；
  · 到达时间和部分标记是中心的陈述；
  · 最近一次外部锚点之后录入的台账和数据。锚点的间隔就是可以倒签的窗口。

Evidence package: how to check it
=================================
report.json    every figure of the report; the other files give it again
rows/          the journal day by day: batches as the agents signed them; of a row that is not disclosed only its hash
ledger.jsonl   what people stated, hash-chained
manifests/     the centre's signed daily manifests, chained; tokens/ RFC 3161 time stamps over them, if any
config/        links, contract, legal calendar …; keys/ the centre's public key; the agents' keys stand in the ledger
verify/        checks that need nothing else; SHA256SUMS, SM3SUMS checksums

  1. sha256sum -c SHA256SUMS, unpacked: whether the files are whole.
  2. python3 -m verify FILE --sheet HASH-ON-THE-SIGNED-SHEET: format, hash chains, signatures, manifests. Python 3.9 or later;
     signatures by cryptography or openssl.
  3. pip install 'jinbao-uptime[reports]=={version}', then jinbao-report verify FILE --sheet HASH: recomputes every figure too.
  The program in the package is its maker's, a convenience; an auditor uses one obtained elsewhere.
  An anchor comes from outside: a sheet both sides signed (--sheet), a time-stamp authority's certificate (--tsa-ca), the
  centre's fingerprint as known before (--keys). Without one all that can be said is "consistent, unanchored".

What it does not prove
  - that a sensor told the truth before it signed (two vantages mitigate), that the centre enrolled only real agents, that
    nobody pulled a plug;
  - who caused a fault: there are evidence and rules;
  - instants of arrival and some verdicts are the centre's word;
  - anything entered since the last anchor. The interval of anchors is the window for back-dating.
"""


_DEMONSTRATION = "【演示数据：均非实测】 DEMONSTRATION DATA: nothing here was measured\n\n"


def text(key: str, day: str, hashed: str, version: str, *, demonstration: bool) -> str:
    page = _TEXT.format(key=key, day=day, hash=hashed, version=version)
    return _DEMONSTRATION + page if demonstration else page
