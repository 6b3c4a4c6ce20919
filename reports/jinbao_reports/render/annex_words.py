"""The fixed sentences of the self-evaluation's annex (绩效自评附件), by the chapters of the county's own reports."""

from jinbao_reports.words import Catalogue, Text

TITLE: Catalogue = {
    "name": Text("绩效自评附件", "Annex to the self-evaluation"),
    "file": Text("绩效自评附件-{name}", "self-evaluation-annex-{name}"),
    "description": Text(
        "乡镇金保网网络运行维护费绩效自评的文字、自评表、满意度普查与附表",
        "Text, score sheet, census and tables for the self-evaluation of the network maintenance fee",
    ),
}
HEADINGS: Catalogue = {
    "management": Text("三（二）项目管理情况", "III (2) Management of the project"),
    "completion": Text("四（一）项目完成情况", "IV (1) What was delivered"),
    "benefit": Text("四（二）项目效益情况", "IV (2) What it brought"),
    "problems": Text("五（二）存在的问题", "V (2) Open problems"),
    "score_sheet": Text("绩效自评表", "Score sheet"),
    "census": Text("附：乡镇经办人员满意度普查", "Census of the townships' clerks"),
    "summary": Text("附表一　各线路可用率", "Table 1  Availability of the links"),
    "months": Text("附表二　逐月可用率", "Table 2  Availability by month"),
    "causes": Text("附表三　中断按原因与责任方", "Table 3  Outages by cause and party"),
    "outages": Text("附表四　线路中断明细", "Table 4  Outages of links"),
    "charts": Text("附图", "Charts"),
    "method": Text("口径与方法", "Method"),
    "limits": Text("本附件不能证明的事项", "What this annex does not prove"),
    "inputs": Text("数据指纹", "Digests of the inputs"),
    "signatures": Text("签字", "Signatures"),
}
LEAD = Text(
    "以下文字可直接引用到自评报告的对应章节；每个数字均出自附表。",
    "To be quoted in the chapter of that name; every figure is from the tables.",
)
FACTS: Catalogue = {
    "project": Text("项目名称", "Project"),
    "unit": Text("实施单位", "Unit"),
    "department": Text("主管部门", "Department"),
    "carrier": Text("服务商", "Carrier"),
    "contract": Text("合同", "Contract"),
    "period": Text("评价周期", "Period"),
    "target": Text("合同目标可用率", "Contract target"),
}
PLACEHOLDER = Text(
    "自评参数为占位值，待单位填写；标有〔占位〕处及由其得出的分值仅为示例。",
    "The office's values are placeholders; what is marked [placeholder], and every score drawn from it, is an example only.",
)
MANAGEMENT: Catalogue = {
    "measured": Text(
        "{year}，{county}{links}条乡镇金保网线路由双向探测逐{T}秒自动监测，不再依靠乡镇口头反馈。",
        "In {year} the {links} township links of {county} were measured every {T} s from both ends, not by hearsay. ",
    ),
    "unmeasured": Text(
        "{year}，{county}{links}条乡镇金保网线路没有可用的探测记录，不能说正常，也不能说中断。",
        "For {year} there is no usable measurement of the {links} township links of {county}: neither up nor down can be "
        "claimed. ",
    ),
    "imported": Text(
        "{year}，{county}{links}条乡镇金保网线路的运行情况由外部记录导入。",
        "For {year} the record of the {links} township links of {county} was imported from elsewhere. ",
    ),
    "coverage": Text(
        "监测覆盖率最高{best}、最低{worst}（{name}）。", "Coverage was {best} at best and {worst} at worst ({name}). "
    ),
    "outages": Text(
        "本期记录线路中断{outages}次，其中计入运营商考核{counted}次、累计{seconds}。",
        "{outages} outages of links were recorded; {counted} of them count against the carrier, {seconds} in all. ",
    ),
    "quiet": Text(
        "在有数据的时间内，没有达到判定标准的线路中断。", "In the time that was measured no outage reached the rule's length. "
    ),
    "causes": Text("中断按原因分为：{list}。", "By cause: {list}. "),
    "ledger": Text(
        "停电、服务器维护与约定割接均须有通知或登记并经他人审批方予剔除，未采用的逐条注明理由。",
        "Power cuts, server maintenance and cutovers are excused only by a notice or record that somebody else approved; "
        "what was refused is listed with its reason.",
    ),
}
COMPLETION: Catalogue = {
    "verdicts": Text(
        "合同目标可用率为{target}。{links}条线路中，达标{pass}条，未达标{fail}条，证据不足{inconclusive}条，无数据{no_data}条。",
        "The contract's target is {target}. Of {links} links {pass} met it and {fail} did not; {inconclusive} are "
        "inconclusive, {no_data} have no data. ",
    ),
    "mean": Text(
        "全部线路平均可用率（按时间加权）不低于{low}、不高于{high}。", "The time-weighted mean lies between {low} and {high}. "
    ),
    "no_mean": Text("没有可用的探测记录，不能给出平均可用率。", "Without usable measurements no mean can be given. "),
    "money": Text(
        "全年预算{budget}元，执行{spent}元，预算执行率{rate}。",
        "Budget {budget} yuan, spent {spent} yuan, execution {rate}. ",
    ),
    "payment": Text("{date}支付{amount}元（凭证{voucher}）", "{amount} yuan on {date} (voucher {voucher})"),
    "payments": Text("支付情况：{list}。", "Payments: {list}. "),
}
BENEFIT: Catalogue = {
    "user": Text(
        "从经办人员使用角度看（线路或业务任一不可用即为不可用，不剔除任何时间），可用率最低的线路为{name}，在{low}与{high}之间。",
        "As its users saw it (down when link or service is down, nothing excused) the lowest was {name}, between {low} and "
        "{high}. ",
    ),
    "no_user": Text("经办人员使用角度的可用率没有数据。", "The users' view was not measured. "),
    "service": Text(
        "业务不可用而线路正常的时间合计{seconds}，属业务系统，不计入线路考核。",
        "The service was down while the link was up for {seconds} in all; that is not the link's. ",
    ),
    "census": Text(
        "对乡镇经办人员开展满意度普查，发放{asked}份，收回{returned}份，满意率{ratio}。",
        "A census of the townships' clerks: {asked} forms handed out, {returned} came back, {ratio} satisfied. ",
    ),
    "no_census": Text("本期未开展满意度普查，满意度无数据。", "No census was held; nothing is known of satisfaction. "),
}
PROBLEMS: Catalogue = {
    "fail": Text("未达标线路：{names}。", "Links that did not meet the target: {names}."),
    "inconclusive": Text(
        "证据不足线路：{names}；有争议时间合计{disputed}，无数据时间合计{unknown}，不能认定达标，也不能认定未达标。",
        "Inconclusive: {names}; {disputed} disputed and {unknown} without data leave them neither met nor missed.",
    ),
    "no_data": Text("无数据线路：{names}，不能说正常，也不能说中断。", "No data: {names}; neither up nor down can be claimed."),
    "unclaimed": Text(
        "因未在合同期限内申告而不能计入考核的中断时间合计{seconds}。",
        "Outages of {seconds} in all cannot be counted, for they were not reported within the contract's window.",
    ),
    "census": Text(
        "满意度普查未收回{missing}份；没有答卷的乡镇：{names}。", "{missing} forms did not come back; none from: {names}."
    ),
    "no_census": Text("未开展经办人员满意度普查。", "No census of the clerks was held."),
    "no_manifest": Text(
        "监测数据前后一致，但未经平台以外固定（可信时间戳或双方签字的清单哈希）。",
        "The data is consistent, but not anchored outside the platform by a time stamp or a signed hash.",
    ),
    "placeholders": Text(
        "合同参数尚为占位值，须按正式合同填写后重新出具。",
        "Contract values are placeholders; issue this again with those of the signed contract.",
    ),
    "unscored": Text("以下指标本期不能计分，未按满分处理：{names}。", "Not scored, and not taken as full points: {names}."),
    "none": Text("本期未发现需要说明的问题。", "Nothing to report."),
}
SCORE: Catalogue = {
    "money": Text("项目资金（元）", "Funds (yuan)"),
    "initial": Text("年初预算数", "Initial budget"),
    "budget": Text("全年预算数（A）", "Budget (A)"),
    "spent": Text("全年执行数（B）", "Spent (B)"),
    "points": Text("分值", "Points"),
    "rate": Text("执行率（B/A）", "Execution (B/A)"),
    "score": Text("得分", "Score"),
    "level": Text("一级指标", "Level 1"),
    "kind": Text("二级指标", "Level 2"),
    "name": Text("三级指标", "Level 3"),
    "target": Text("年度指标值", "Target"),
    "actual": Text("实际完成值", "Actual"),
    "reason": Text("偏差原因分析及改进措施", "Reason for deviation, remedy"),
    "goal": Text("年度总体目标", "Goal of the year"),
    "expected": Text("预期目标", "Expected"),
    "done": Text("实际完成情况", "Reached"),
    "at_least": Text("≥{value}", "≥ {value}"),
    "at_most": Text("≤{value}", "≤ {value}"),
    "not_applicable": Text("无故障或无数据，不适用", "nothing to measure"),
    "not_scored": Text("不计分", "not scored"),
    "short": Text("未达到指标值，相差{gap}", "short of the target by {gap}"),
    "total": Text("合计", "Total"),
    "rule": Text(
        "计分：正向指标（≥）达到得满分，否则按实际÷指标值得分；反向指标（≤）达到得满分，否则按指标值÷实际得分；不超过分值。得分截断到三位小数。",
        "Scores: at least (≥): full points when reached, else actual ÷ target of them. At most (≤): full points when kept, "
        "else target ÷ actual. Never above the points; cut after three decimals. [ph.]: a placeholder value.",
    ),
    "tag": Text("占位", "[ph.]"),
    "grade": Text(
        "总分{score}分（参加计分{offered}分，全部指标{points}分），按百分制{of_100}分，评价等级：{grade}。",
        "{score} points of {offered} that could be scored ({points} in all), {of_100} of 100: grade {grade}.",
    ),
    "no_grade": Text(
        "证据不足，不评定等级：{names}没有数据，不能计分。已计分部分为{score}分（共{offered}分）。",
        "No grade: there is no data to score {names}. What could be scored comes to {score} of {offered}.",
    ),
    "not_100": Text(
        "全部指标分值合计{points}分，不是100分，请核对指标表。",
        "The points come to {points}, not to 100; check the indicators.",
    ),
    "blunt": Text(
        "提示：正向指标“{name}”（{points}分）对中断不敏感，停机时间达到允许值的两倍时仍得{at_double}分。宜以反向的中断时长、次数指标为主。",
        "Beware: {name} ({points} points) hardly tells outages apart: with twice the downtime allowed it still scores "
        "{at_double}. Let the at-most indicators (minutes, outages) carry the points.",
    ),
}
CENSUS: Catalogue = {
    "lead": Text(
        "对象为各乡镇经办人员全体，不是抽样。发放{asked}份，收回{returned}份；满意率为答“{word}”及以上的答题数占全部答题数的比例：{satisfied}/{answers}＝{ratio}。",
        "All clerks were asked, no sample. {asked} handed out, {returned} came back; satisfied are answers of {word} or better "
        "among all answers: {satisfied}/{answers} = {ratio}.",
    ),
    "question": Text("问题", "Question"),
    "none": Text("本期未开展满意度普查。", "No census was held in the period."),
    "5": Text("很满意", "very satisfied"),
    "4": Text("满意", "satisfied"),
    "3": Text("一般", "fair"),
    "2": Text("不满意", "dissatisfied"),
    "1": Text("很不满意", "very dissatisfied"),
}
SIGNED: Catalogue = {
    "name": Text("签字", "Signature"),
    "date": Text("日期", "Date"),
    "role": Text("职责", "Role"),
    "seal": Text("（单位盖章）", "(seal of the unit)"),
}
CATALOGUES: tuple[Catalogue, ...] = (
    TITLE,
    HEADINGS,
    {"lead": LEAD, "placeholder": PLACEHOLDER},
    FACTS,
    MANAGEMENT,
    COMPLETION,
    BENEFIT,
    PROBLEMS,
    SCORE,
    CENSUS,
    SIGNED,
)
