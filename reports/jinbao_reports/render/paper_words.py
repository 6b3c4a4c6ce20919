"""The fixed sentences of the smaller papers: ledger, fault report, reconciliation, counter-signature, guide, form."""

from jinbao_reports.words import Catalogue, Text

TITLES: Catalogue = {
    "ledger": Text("线路中断台账", "Ledger of outages"),
    "claim": Text("故障申告单", "Fault report"),
    "reconciliation": Text("中断记录对账单", "Reconciliation of outages"),
    "sheet": Text("会签页", "Counter-signature sheet"),
    "guide": Text("验证说明", "How to verify"),
    "form": Text("乡镇经办人员满意度调查表", "Questionnaire for the townships' clerks"),
}
FILES: Catalogue = {
    "ledger": Text("中断台账-{name}", "outage-ledger-{name}"),
    "claim": Text("故障申告单-{name}", "fault-report-{name}"),
    "reconciliation": Text("对账单-{name}", "reconciliation-{name}"),
    "sheet": Text("会签页-{name}", "counter-signature-{name}"),
    "guide": Text("验证说明-{name}", "how-to-verify-{name}"),
    "form": Text("满意度调查表-{name}", "questionnaire-{name}"),
}
DESCRIPTION = Text("乡镇金保网线路监测文件", "A paper of the township link measurement")
HEADINGS: Catalogue = {
    "outages": Text("线路中断", "Outages of links"),
    "service": Text("业务中断（不计入线路考核）", "Outages of the service (never the link's)"),
    "causes": Text("按原因与责任方", "By cause and party"),
    "exclusions": Text("剔除登记与采用情况", "Exclusions, applied and refused"),
    "method": Text("口径", "Method"),
    "fault": Text("故障情况", "The fault"),
    "report": Text("申告与受理", "Report and receipt"),
    "words": Text("电话、微信申告用语", "What to say or write"),
    "compared": Text("逐条对照", "One by one"),
    "effect": Text("对考核数字的影响", "What it changes"),
    "summary": Text("考核结论", "Verdicts"),
    "keys": Text("密钥与已发布报告", "Keys, and issued reports"),
    "anchor": Text("数据指纹", "Digests"),
    "steps": Text("验证步骤", "Steps"),
    "proves": Text("能够证明的事项", "What it proves"),
    "limits": Text("不能证明的事项", "What it does not prove"),
    "inputs": Text("输入文件指纹", "Digests of the inputs"),
    "questions": Text("请在每行选一格打√", "Tick one box in each line"),
    "signatures": Text("签字确认", "Signatures"),
}
LEDGER: Catalogue = {
    "lead": Text(
        "每行一个时段；一次中断可因原因不同分为几段。认定“计入考核”的时长之和即各线路的计入中断。",
        "One row a slice: an outage is cut where its cause changes. What is classed as counted adds up to the link's counted "
        "time.",
    ),
    "none": Text("本期没有达到判定标准的线路中断。", "No outage of a link reached the rule's length."),
    "none_unmeasured": Text(
        "没有可用数据，不能说没有中断。", "There is no usable data; that is not to say that nothing failed."
    ),
}
CLAIM: Catalogue = {
    "id": Text("中断编号", "Outage"),
    "link": Text("线路", "Link"),
    "onset": Text("中断开始", "Onset"),
    "restored": Text("恢复时间", "Restored"),
    "open": Text("尚未恢复", "not restored yet"),
    "lasted": Text("中断时长", "Down for"),
    "cause": Text("初步判断", "Probable cause"),
    "evidence": Text("探测依据", "Evidence"),
    "to": Text("申告对象", "Reported to"),
    "deadline": Text("合同申告期限", "To be reported by"),
    "no_deadline": Text("合同未约定", "the contract sets none"),
    "reported_at": Text("申告时间", "Reported at"),
    "ticket": Text("受理单号（回执）", "Receipt number"),
    "acked_at": Text("受理时间", "Acknowledged at"),
    "by": Text("申告人", "Reported by"),
    "blank": Text("＿＿＿＿＿＿＿＿＿＿（填写）", "__________ (to fill in)"),
    "say": Text(
        "{carrier}：{name}金保网线路（编码{code}）自{onset}起中断{state}。监测判断：{cause}。"
        "请受理，并告知受理单号和受理时间。",
        "{carrier}: the Jinbao link of {name} (code {code}) has been down since {onset}{state}. Our measurements point to: "
        "{cause}. Please accept this report and give us its number and time.",
    ),
    "say_open": Text("，截至出单尚未恢复", " and is not restored yet"),
    "say_over": Text("，已于{restored}恢复，时长{lasted}", "; it was restored at {restored} after {lasted}"),
    "enter": Text(
        "申告后即把受理单号与时间录入台账（jinbao-collector ledger add），逾期未申告的中断按合同可能不计入考核。",
        "Enter the receipt's number and time in the ledger at once (jinbao-collector ledger add): what is not reported in time "
        "may not count.",
    ),
}
RECONCILE: Catalogue = {
    "matched": Text("双方均有", "both"),
    "only_ours": Text("仅我方", "only ours"),
    "only_theirs": Text("仅运营商", "only theirs"),
    "outside": Text("期外", "outside"),
    "state": Text("情况", "State"),
    "ticket": Text("工单号", "Ticket"),
    "ours": Text("我方实测起止", "Ours, measured"),
    "theirs": Text("运营商记录起止", "Theirs"),
    "apart": Text("差（分）始/止", "Apart, min"),
    "lead": Text(
        "双方均有{matched}次，仅我方{only_ours}次，仅运营商{only_theirs}次，期外{outside}条。差为运营商减我方。",
        "Both: {matched}; only ours: {only_ours}; only theirs: {only_theirs}; outside the period: {outside}. Apart is theirs "
        "minus ours.",
    ),
    "nothing": Text("本期双方均无记录。", "Neither side has a record in the period."),
    "figure": Text("项目", "Figure"),
    "our_account": Text("我方", "Ours"),
    "their_times": Text("双方均知的按运营商时间", "Their times where both know"),
    "their_list": Text("只按运营商清单", "Their list alone"),
    "no_effect": Text("无论按谁的时间，各项数字相同。", "No figure depends on whose times are taken."),
    "dispute": Text(
        "有异议的条目请注明编号、理由并附凭证；未在会签时提出的，以实测记录为准（以合同约定为限）。",
        "Name each item you dispute with reason and document; the rest stands as measured, as far as the contract says so.",
    ),
}
SHEET: Catalogue = {
    "lead": Text(
        "双方签字确认收到同批文件，并以签字日固定下列指纹；对考核结论有异议的另附说明。",
        "By signing, both sides confirm to have received the documents issued with this sheet and fix the digests below on "
        "that day; disputes go on a separate sheet.",
    ),
    "statement": Text("考核数据（JSON）SHA-256", "SHA-256 of the statement (JSON)"),
    "manifest": Text("每日清单（{day}）哈希", "Hash of the daily manifest of {day}"),
    "sm3": Text("每日清单（{day}）SM3", "SM3 of the daily manifest of {day}"),
    "centre_key": Text("采集中心公钥指纹", "Fingerprint of the centre's key"),
    "tokens": Text("可信时间戳（日数）", "Days with a time stamp"),
    "agent": Text("终端", "Agent"),
    "vantage": Text("位置", "Side"),
    "key": Text("公钥指纹", "Fingerprint of its key"),
    "state": Text("状态", "State"),
    "valid": Text("有效", "in force"),
    "revoked": Text("已吊销", "revoked"),
    "issued": Text(
        "已发布第{number}号报告（{period}），report.json SHA-256 {report}",
        "Report number {number} ({period}), SHA-256 of report.json {report}",
    ),
    "none": Text(
        "未附：数据前后一致，但未经平台以外固定", "none: the data is consistent, but not anchored outside the platform"
    ),
    "version": Text("软件版本", "Software version"),
    "window": Text(
        "指纹固定的是签字日之前的记录；两次会签之间是平台一方可能改写的窗口。",
        "The digests fix what was recorded before the day of signing; between two sheets the platform could still rewrite.",
    ),
}
STEPS: tuple[Text, ...] = (
    Text(
        "1．自行安装同一版本的软件（{version}），不要使用证据包内附带的脚本。",
        "1. Install the same version of the software yourself ({version}); do not rely on the script in the package.",
    ),
    Text(
        "2．核对本页的考核数据指纹：sha256sum 对JSON文件计算，应为{digest}。",
        "2. Compare the digest of the statement: sha256sum of the JSON file must give {digest}.",
    ),
    Text(
        "3．运行 jinbao-report verify 证据包.zip --sheet 会签页上的哈希；没有外部锚点时只能得到“前后一致，未锚定”。",
        "3. Run jinbao-report verify PACKAGE.zip --sheet HASH with the hash from the counter-signature sheet; "
        "without an anchor from outside the answer can only be consistent, unanchored.",
    ),
    Text(
        "4．抽取任一次中断，按编号运行 jinbao-report explain，核对两侧探测记录、台账凭证与判定表行。",
        "4. Take any outage and run jinbao-report explain with its number; compare the probes of both sides, "
        "the documents in the ledger and the row of the decision table.",
    ),
    Text(
        "5．打开工作簿，改动“计入考核”或目标值，汇总表随之重算，应与本批文件的数字一致。",
        "5. Open the workbook and change what counts, or the target: the summary recalculates and must agree "
        "with the documents.",
    ),
)
PROVES: tuple[Text, ...] = (
    Text(
        "证据包内的探测批次由各终端私钥签名、首尾相连，任何增删改都会使验证失败。",
        "The batches of probes are signed by each agent's own key and chained: whatever is added, dropped or changed is found.",
    ),
    Text(
        "本批文件的每个数字都能由证据包按同一规则重新算出，且逐字节一致。",
        "Every figure of these documents can be computed again from the package by the same rules, to the byte.",
    ),
    Text(
        "台账（通知、工单、改判）只能追加，录入时间与生效时间分别保留，审批人不得为录入人。",
        "The ledger (notices, tickets, rulings) only grows; entered and effective times are both kept, and nobody "
        "approves his own entry.",
    ),
)
FORM: Catalogue = {
    "lead": Text(
        "调查对象为{project}覆盖的各乡镇经办人员全体（{asked}人），不抽样。请如实填写，交回{unit}。",
        "For all {asked} clerks who use the links of {project}; this is no sample. Please answer freely and return to {unit}.",
    ),
    "township": Text("乡镇", "Township"),
    "clerk": Text("经办岗位（可不填）", "Desk (may be left out)"),
    "date": Text("日期", "Date"),
    "remark": Text("意见与建议", "Remarks"),
    "columns": Text(
        "收回后录入CSV或Excel，一人一行，列：link, clerk, {ids}；取值：很满意、满意、一般、不满意、很不满意。",
        "Enter what comes back as CSV or Excel, a row a clerk, columns link, clerk, {ids}; answers 5 (very satisfied) to 1.",
    ),
}
CATALOGUES: tuple[Catalogue, ...] = (
    TITLES,
    FILES,
    {"description": DESCRIPTION},
    HEADINGS,
    LEDGER,
    CLAIM,
    RECONCILE,
    SHEET,
    {str(number): text for number, text in enumerate((*STEPS, *PROVES))},
    FORM,
)
