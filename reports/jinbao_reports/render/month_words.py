"""The fixed sentences of the monthly document, in both languages; codes are worded in `jinbao_reports.words`."""

from jinbao_reports.words import Catalogue, Text

TITLE: Catalogue = {
    "description": Text("线路可用率、中断及原因", "Availability, outages and their causes"),
}
HEADINGS: Catalogue = {
    "conclusion": Text("结论", "Conclusion"),
    "summary": Text("线路汇总", "Summary of links"),
    "charts": Text("图示", "Charts"),
    "outages": Text("线路中断明细", "Outages of links"),
    "events": Text("共因事件", "Common-cause events"),
    "service": Text("业务中断明细", "Outages of the service"),
    "quality": Text("时间构成与线路质量", "Where the time went, and quality"),
    "exclusions": Text("剔除登记与采用情况", "Exclusions, applied and refused"),
    "clauses": Text("其他条款", "Other clauses"),
    "method": Text("口径与方法", "Method"),
    "integrity": Text("数据完整性", "Integrity of the data"),
    "limits": Text("本简报不能证明的事项", "What this sheet does not prove"),
    "inputs": Text("数据指纹", "Digests of the inputs"),
    "signatures": Text("签字确认", "Signatures"),
}
FACTS: Catalogue = {
    "period": Text("统计周期", "Period"),
    "period_value": Text("{start} 至 {end}（{offset}）", "{start} to {end} ({offset})"),
    "customer": Text("甲方", "Customer"),
    "carrier": Text("乙方", "Carrier"),
    "contract": Text("合同", "Contract"),
    "version": Text("合同版本", "Version"),
    "version_value": Text("{version}（{effective}有效）", "{version} (in force {effective})"),
    "from_to": Text("{start}至{end}", "{start} to {end}"),
    "from": Text("{start}起", "from {start}"),
    "target": Text("目标可用率", "Target"),
    "number": Text("报告编号", "Report"),
    "number_value": Text("第{number}号", "number {number}"),
    "number_amends": Text("第{number}号，修正并取代第{amends}号", "number {number}, amends and supersedes number {amends}"),
    "as_of": Text("数据截至", "Data as of"),
    "as_of_value": Text("{at}；其后的时间按无数据处理", "{at}; later time is no data"),
}
PLACEHOLDER: Catalogue = {
    "tag": Text("〔占位〕", " [placeholder]"),
    "warning": Text(
        "合同参数为占位值，待按正式合同填写。标有〔占位〕处及由其得出的结论仅为示例：{keys}。",
        "Contract values are placeholders, to be filled in from the signed contract. What is marked [placeholder], and every "
        "conclusion drawn from it, is an example only: {keys}.",
    ),
}
CONCLUSION: Catalogue = {
    "verdicts": Text(
        "本期考核线路{links}条，目标可用率{target}：达标{pass}条，未达标{fail}条，证据不足{inconclusive}条，无数据{no_data}条。",
        "Links judged: {links}, target {target}. Met: {pass}; not met: {fail}; inconclusive: {inconclusive}; "
        "no data: {no_data}. ",
    ),
    "mean": Text(
        "全部线路平均可用率不低于{low}、不高于{high}（按时间加权）。", "The time-weighted mean lies between {low} and {high}. "
    ),
    "no_mean": Text(
        "本期没有可用的探测记录，不能给出平均可用率。",
        "There are no usable measurements, so no mean can be given. ",
    ),
    "outages": Text(
        "记录线路中断{outages}次，其中计入考核{counted}次，累计{seconds}。",
        "Outages of links recorded: {outages}; counted against the carrier: {counted}, {seconds} in total. ",
    ),
    "no_outages": Text(
        "在有数据的时间内，没有达到判定标准的线路中断。",
        "In the time that was measured no outage reached the rule's length. ",
    ),
    "causes": Text("按原因：{list}。", "By cause: {list}. "),
    "cause": Text("{cause}{outages}次、{seconds}（{class_}）", "{cause}, {outages} ×, {seconds} ({class_})"),
    "fail": Text(
        "{name}：未达标。把无数据和争议时间全部算作正常，可用率也只有{high}，低于{target}；计入中断{n}次、{counted}。",
        "{name}: not met. Even with all unmeasured and disputed time taken as up, availability is {high}, below {target}. "
        "Counted outages: {n}, {counted}.",
    ),
    "inconclusive": Text(
        "{name}：证据不足，可用率在{low}与{high}之间（{open}）。",
        "{name}: inconclusive, availability between {low} and {high} ({open}).",
    ),
    "open_disputed": Text("争议{seconds}", "disputed {seconds}"),
    "open_unknown": Text("无数据{seconds}", "no data {seconds}"),
    "no_data": Text(
        "{names}：无数据。没有可用的探测记录，不能说正常，也不能说中断。",
        "{names}: no data. Nothing usable was measured, so neither up nor down can be claimed.",
    ),
    "settle": Text("以下证据可使结论确定：", "This evidence would settle it:"),
    "remedy": Text("{names}：{remedy}", "{names}: {remedy}"),
}
# Which paper or data would decide a disputed cause; "unknown" is for time without data, "other" for every cause not named.
REMEDIES: Catalogue = {
    "POWER_SUSPECTED": Text(
        "供电所停电通知或乡镇停电登记，经审批录入台账",
        "the power company's notice or the township's own record of the cut, entered in the ledger and approved",
    ),
    "PATH_OR_POLICY": Text(
        "该时段的路由跟踪、防火墙与策略变更记录",
        "traces of the route, and records of firewall or policy changes at that time",
    ),
    "UNATTRIBUTED": Text(
        "运营商故障处理单、光猫告警或乡镇现场记录",
        "the carrier's fault ticket, the modem's alarms or a record made on the spot",
    ),
    "other": Text(
        "双方对原因的书面确认，经审批录入台账", "a written agreement on the cause, entered in the ledger and approved"
    ),
    "unknown": Text(
        "乡镇终端补传本机保存的探测记录，或县侧对光猫的探测记录",
        "the measurements still kept on the township's agent, or the county's measurements of the modem",
    ),
}
COLUMNS: Catalogue = {
    "link": Text("线路", "Link"),
    "range": Text("可用率区间", "Low – high"),
    "coverage": Text("覆盖率", "Coverage"),
    "counted": Text("计入中断", "Counted"),
    "not_counted": Text("不计与争议时长", "Not counted, disputed"),
    "verdict": Text("结论", "Verdict"),
    "number": Text("序", "No."),
    "span": Text("起止（当地时间）", "From – to (local)"),
    "duration": Text("时长", "Duration"),
    "cause": Text("原因", "Cause"),
    "party": Text("责任方", "Party"),
    "party_class": Text("责任与认定", "Party, class"),
    "class": Text("认定", "Class"),
    "outages": Text("次数", "Outages"),
    "evidence": Text("依据", "Evidence"),
    "links": Text("线路", "Links"),
    "service": Text("服务时间", "Service"),
    "up": Text("正常", "Up"),
    "down": Text("计入", "Counted"),
    "removed": Text("剔除", "Excluded"),
    "others": Text("非运营商", "Not carrier"),
    "disputed": Text("争议", "Disputed"),
    "unclaimed": Text("未申告", "No claim"),
    "unknown": Text("无数据", "No data"),
    "edge": Text("边沿误差", "Edge error"),
    "user": Text("用户视角", "User's view"),
    "service_down": Text("业务中断", "Service down"),
    "flaps": Text("闪断", "Flaps"),
    "loss": Text("丢包率", "Loss"),
    "delay": Text("时延(毫秒)", "Delay, ms"),
    "mtrs": Text("平均恢复", "Mean restore"),
    "entry": Text("台账号", "Entry"),
    "applied": Text("采用时长", "Applied"),
    "approval": Text("审批", "Approved"),
    "reason": Text("未采用原因", "Reason if not"),
    "clause": Text("条款", "Clause"),
    "actual": Text("实际", "Actual"),
    "limit": Text("约定", "Limit"),
    "kind": Text("情况", "What"),
    "place": Text("探测点", "Rung"),
    "at": Text("时间", "When"),
    "file": Text("输入", "Input"),
    "digest": Text("SHA-256", "SHA-256"),
}
CELLS: Catalogue = {
    "all_links": Text("全部线路", "All links"),
    "mean": Text("时间加权平均", "Mean by time"),
    "times": Text("{n}次", "{n} ×"),
    "open_end": Text("未恢复", "not restored"),
    "outside": Text("服务时间外", "outside service hours"),
    "row": Text("判定表第{row}行", "row {row}"),
    "no_row": Text("判定表各行均不符", "no row matches"),
    "ruled": Text("台账{entry}改判", "overruled by ledger {entry}"),
    "seen": Text("{rung}：{outcome}", "{rung}: {outcome}"),
    "answered": Text("通 {rungs}", "answered {rungs}"),
    "refused": Text("拒绝 {rungs}", "refused {rungs}"),
    "silent": Text("断 {rungs}", "no answer {rungs}"),
    "ticket": Text("工单{ticket}", "ticket {ticket}"),
    "suspect": Text("时钟有跳变，起止存疑", "clock stepped, edges in doubt"),
    "whole": Text("跨期，全长{seconds}", "crosses the period, {seconds} in all"),
    "list": Text("、", ", "),
    "clause_list": Text("；", "; "),
    "ms": Text("{value}毫秒", "{value} ms"),
}
NOTES: Catalogue = {
    "summary": Text(
        "下限把无数据和争议时间全部算作中断，上限全部算作正常；下限达到目标为达标，上限低于目标为未达标，否则为证据不足。"
        "标†者，起止时刻的探测误差足以改变结论。",
        "Low takes all unmeasured and disputed time as down, high takes it as up. Low reaching the target is met, high below "
        "it is not met, anything else is inconclusive. †: the edge error could change the verdict.",
    ),
    "no_outages": Text("本期没有记录到此类中断。", "None was recorded in the period."),
    "no_outages_unmeasured": Text(
        "没有可用数据，不能说没有中断。", "There is no usable data; that is not to say that nothing failed."
    ),
    "events": Text(
        "同一原因同时影响多条线路，按一次事件列出；各线路的时长仍分别计算。",
        "One cause hitting several links at once is one event; each link keeps its own time.",
    ),
    "service": Text(
        "以下时间线路正常而业务不可用，不计入线路可用率，只计入用户视角。",
        "The link was up and the service was not. Never part of the link's availability, only of the user's view.",
    ),
    "quality": Text(
        "服务时间＝正常＋计入＋剔除＋非运营商＋争议＋未申告＋无数据。闪断短于判定标准，算作正常时间，只列次数与时长。"
        "用户视角：线路或业务任一不可用即为不可用，不剔除任何时间。",
        "Service = up + counted + excluded + not carrier + disputed + unclaimed + no data. Flaps are shorter than the rule "
        "and stay up time; they are listed. User's view: down when link or service is down, nothing excluded.",
    ),
    "exclusions": Text("本期没有剔除登记。", "No exclusion was entered for the period."),
    "clauses": Text(
        "以下条款超出约定或无法判断；未列出的条款没有超出。",
        "These clauses were broken or cannot be judged; those not listed were kept.",
    ),
    "integrity": Text("本期数据没有完整性异常。", "Nothing in the data speaks against itself."),
    "integrity_more": Text("另有{more}条，见随附的JSON文件。", "{more} more are in the JSON issued with it."),
    "credits": Text("违约金测算：按上限{high}元，按下限{low}元。", "Credits: {high} yuan on high, {low} yuan on low."),
    "statement": Text(
        "全部数字取自随附的JSON文件，其SHA-256为{digest}。软件版本{version}。",
        "Every figure comes from the JSON issued with it, SHA-256 {digest}. Software version {version}.",
    ),
    "manifest": Text(
        "截至{day}的每日清单哈希为{hash}；双方签字即对该哈希之前的记录作外部固定。",
        "Hash of the daily manifest of {day}: {hash}. Signing this sheet anchors the records before it outside the platform.",
    ),
    "no_manifest": Text(
        "本简报未附每日清单哈希：数据前后一致，但未经平台以外固定。",
        "No manifest hash is attached: the data is consistent, but not anchored outside the platform.",
    ),
}
METHOD: Catalogue = {
    "rule": Text(
        "判定规则“{name}”：每{T}秒探测一次，应答超过{W}秒视为失败；连续{n}次失败为中断，连续{n}次成功为恢复，起止均回溯到第一次。",
        "Rule {name}: a probe every {T} s; an answer after {W} s is a failure; {n} failures in a row are an outage, {n} "
        "successes end it, both back-dated to the first.",
    ),
    "window": Text(
        "判定规则“{name}”：以{dt}秒为一个统计窗，窗内丢失比例大于{C}为坏窗，连续{n}个坏窗为中断（起止回溯到第一个）；应答超过{W}秒视为丢失。",
        "Rule {name}: windows of {dt} s, bad where more than {C} of the probes are lost; {n} bad windows in a row are an "
        "outage, back-dated to the first; an answer after {W} s is lost.",
    ),
    "intervals": Text(
        "中断区间由外部记录直接导入，未经探测判定。", "Outages were imported as intervals; no probing rule was applied."
    ),
    "remove": Text(
        "计算：分母＝服务时间－剔除－非运营商；下限＝（正常＋未申告）÷分母；上限＝1－计入÷分母。",
        "Formula: denominator = service − excluded − not carrier; low = (up + unclaimed) ÷ denominator; "
        "high = 1 − counted ÷ denominator.",
    ),
    "credit": Text(
        "计算：分母＝服务时间；下限＝（正常＋未申告＋剔除＋非运营商）÷分母；上限＝1－计入÷分母。",
        "Formula: denominator = service; low = (up + unclaimed + excluded + not carrier) ÷ denominator; "
        "high = 1 − counted ÷ denominator.",
    ),
    "coverage": Text(
        "覆盖率＝1－无数据÷分母。没有数据就是无数据，任何一处都不按100%处理。",
        "Coverage = 1 − no data ÷ denominator. No data stays no data; it is never taken as 100%.",
    ),
    "edge": Text(
        "误差：每次中断的起止由探测时刻确定，一次中断至多差一个探测间隔，正负均可能；各线路合计列在“边沿误差”栏。",
        "Error: the edges of an outage are instants of probes, so each outage may be off by one interval either way; "
        "the sum for a link is its edge error.",
    ),
    "clock_start": Text("运营商责任时间起算：{value}。", "The carrier's time runs {value}."),
    "unattributed": Text("原因未能确定的中断按“{value}”处理。", "Outages without an established cause are {value}."),
    "mode": Text("剔除与非运营商时间{value}。", "Excluded and not-carrier time is {value}."),
    "display": Text(
        "显示：可用率截断到万分之一个百分点，时长截断到秒，都不进位；精确分数见JSON文件。",
        "Display: availability is cut after four decimals of a percent and durations to the second, never rounded up; exact "
        "fractions are in the JSON.",
    ),
}
LIMITS: tuple[Text, ...] = (
    Text(
        "终端在记录之前是否被人为操纵：县侧与乡镇侧两处独立探测可以减轻，不能消除。",
        "That a sensor was not tampered with before it recorded: two vantages make it harder, not impossible.",
    ),
    Text(
        "每次中断究竟由谁造成：拔线、断电与设备故障在探测上可能相同。原因按判定表推断，可凭经审批的台账登记改判。",
        "Who caused a fault: a pulled plug, a power cut and a dead device can look alike. Causes are inferred by a fixed table "
        "and may be overruled by an approved ledger entry.",
    ),
    Text(
        "最近一次对外固定哈希之后的记录：在此之后平台一方仍有改写的可能。",
        "Records since the last hash was anchored outside: until the next anchor the platform itself could still rewrite them.",
    ),
    Text("无数据的时间：既不代表正常，也不代表中断。", "Time without data: it is neither up nor down."),
    Text(
        "短于判定标准的中断：只作为闪断列出，更短的可能没有被探测到。",
        "Interruptions shorter than the rule: they are listed as flaps, and shorter ones may not be seen at all.",
    ),
)
SIGNATURES: Catalogue = {
    "customer": Text("甲方（盖章）", "Customer (seal)"),
    "carrier": Text("乙方（盖章）", "Carrier (seal)"),
    "person": Text("经办人", "Signed by"),
    "date": Text("日期", "Date"),
    "opinion": Text("□ 无异议　　□ 有异议（另附说明）", "□ agreed   □ disputed (see annex)"),
    "colon": Text("：", ": "),
    "blank_date": Text("　　　年　　月　　日", "Year ____ Month ___ Day ___"),
}
CHARTS: Catalogue = {
    "timeline": Text("图{number}　中断时间线（当地时间）", "Figure {number}  Outages over the period (local time)"),
    "timeline_alt": Text(
        "每条线路一行的时间线，标出每次中断及其原因类别；无数据的时间用斜线表示。全部内容见线路中断明细表。",
        "One lane a link with each outage and its kind of cause; time without data is hatched. The outage table says the same.",
    ),
    "minutes": Text("图{number}　各线路时长（分钟）按认定类别", "Figure {number}  Minutes of each link by class"),
    "minutes_alt": Text(
        "每条线路一条横条，分段为计入、剔除、非运营商、争议、未申告的分钟数，竖线为允许的中断时长。全部内容见时间构成表。",
        "One bar a link, its parts the minutes counted, excluded, not the carrier's, disputed and unclaimed; a tick marks the "
        "allowance. The table of time says the same.",
    ),
    "narrow": Text(
        "符号标在每次中断的开始处；太短的中断放宽到看得见，实际时长以明细表为准。",
        "A symbol marks the start of each outage; very short ones are drawn wide enough to see, the table has their length.",
    ),
    "no_data": Text("无数据", "no data"),
    "up": Text("正常（空白）", "up (blank)"),
    "allowed": Text("允许中断", "allowance"),
    "minutes_axis": Text("分钟", "minutes"),
    "none": Text("在有数据的时间内没有中断", "no outage in the time that was measured"),
    "unmeasured": Text("没有可用数据", "no usable data"),
    "unknown_beside": Text("无数据 {seconds}", "no data {seconds}"),
}
# The chart shows kinds of cause, not all twenty codes: a layman tells seven apart.
KINDS: Catalogue = {
    "carrier": Text("运营商故障", "carrier fault"),
    "power": Text("停电", "power cut"),
    "township": Text("乡镇侧故障", "township fault"),
    "centre": Text("县中心或服务器", "county centre or server"),
    "planned": Text("约定割接", "agreed cutover"),
    "open": Text("原因未定", "cause not established"),
}
CATALOGUES: tuple[Catalogue, ...] = (
    TITLE,
    HEADINGS,
    FACTS,
    PLACEHOLDER,
    CONCLUSION,
    REMEDIES,
    COLUMNS,
    CELLS,
    NOTES,
    METHOD,
    {str(number): text for number, text in enumerate(LIMITS)},
    SIGNATURES,
    CHARTS,
    KINDS,
)
