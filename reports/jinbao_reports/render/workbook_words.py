"""What the workbook says, in both languages."""

from jinbao_reports.words import Catalogue, Text

FILES: Catalogue = {"workbook": Text("考核工作簿-{name}", "workbook-{name}")}
SHEETS: Catalogue = {
    "about": Text("说明", "About"),
    "summary": Text("汇总", "Summary"),
    "ledger": Text("中断台账", "Outages"),
    "daily": Text("每日", "Daily"),
    "excused": Text("维护与停电", "Excused"),
}
ABOUT: Catalogue = {
    "title": Text("乡镇金保网线路考核工作簿", "Workbook of the township links"),
    "period": Text("统计周期", "Period"),
    "customer": Text("甲方", "Customer"),
    "carrier": Text("乙方", "Carrier"),
    "contract": Text("合同", "Contract"),
    "target": Text("目标可用率（可改）", "Target (may be changed)"),
    "mode": Text("剔除方式（可改）", "Mode (may be changed)"),
    "remove": Text("扣除", "remove"),
    "credit": Text("视同正常", "credit"),
    "profile": Text("口径", "Profile"),
    "digest": Text("考核数据SHA-256", "SHA-256 of the statement"),
    "version": Text("软件版本", "Software version"),
    "placeholders": Text("占位值", "Placeholder values"),
    "how": Text(
        "《汇总》的计入、争议、不计时长由公式从《中断台账》相加，可用率随之计算。在《中断台账》中改“计入考核”，或在本页改目标与剔除方式，"
        "汇总即重算；改动不会写回系统，只用于核对与推演。",
        "The summary adds up the outages by formulas and computes availability from them. Change what counts in the sheet of "
        "outages, or target and mode here, and it recalculates; nothing is written back, this is for checking and what-if.",
    ),
    "unknown": Text(
        "无数据就是无数据：既不算正常，也不算中断，下限按中断算，上限按正常算。",
        "No data stays no data: low takes it as down, high as up.",
    ),
    "formula_remove": Text(
        "扣除：分母＝服务时间－剔除－非运营商；下限＝（正常＋未申告）÷分母；上限＝1－计入÷分母；覆盖率＝1－无数据÷分母。",
        "remove: D = service − excluded − not carrier; low = (up + unclaimed) ÷ D; high = 1 − counted ÷ D; "
        "coverage = 1 − no data ÷ D.",
    ),
    "formula_credit": Text(
        "视同正常：分母＝服务时间；下限＝（正常＋未申告＋剔除＋非运营商）÷分母；上限＝1－计入÷分母。",
        "credit: D = service; low = (up + unclaimed + excluded + not carrier) ÷ D; high = 1 − counted ÷ D.",
    ),
}
SUMMARY: Catalogue = {
    "code": Text("编码", "Code"),
    "link": Text("线路", "Link"),
    "service": Text("服务时间（秒）", "Service (s)"),
    "unknown": Text("无数据（秒）", "No data (s)"),
    "window": Text("剔除窗口内正常（秒）", "Up within exclusions (s)"),
    "counted": Text("计入（秒）", "Counted (s)"),
    "excluded": Text("剔除（秒）", "Excluded (s)"),
    "not_carrier": Text("非运营商（秒）", "Not carrier (s)"),
    "disputed": Text("争议（秒）", "Disputed (s)"),
    "unclaimed": Text("未申告（秒）", "Unclaimed (s)"),
    "up": Text("正常（秒）", "Up (s)"),
    "denominator": Text("分母（秒）", "Denominator (s)"),
    "low": Text("可用率下限", "Low"),
    "high": Text("可用率上限", "High"),
    "coverage": Text("覆盖率", "Coverage"),
    "verdict": Text("结论", "Verdict"),
    "issued": Text("文件结论", "As issued"),
    "mean": Text("全部线路", "All links"),
}
LEDGER: Catalogue = {
    "outage": Text("中断编号", "Outage"),
    "code": Text("编码", "Code"),
    "link": Text("线路", "Link"),
    "from": Text("开始", "From"),
    "to": Text("结束", "To"),
    "seconds": Text("时长（秒）", "Seconds"),
    "clock": Text("时长", "Duration"),
    "cause": Text("原因", "Cause"),
    "party": Text("责任方", "Party"),
    "counts": Text("计入考核", "Counts"),
    "otherwise": Text("不计时按", "If not, as"),
    "row": Text("判定依据", "Row"),
    "ticket": Text("工单", "Ticket"),
    "yes": Text("是", "yes"),
    "no": Text("否", "no"),
    "disputed": Text("争议", "disputed"),
    "excluded": Text("剔除", "excluded"),
    "not_carrier": Text("非运营商", "not carrier"),
    "unclaimed": Text("未申告", "unclaimed"),
    "outside": Text("服务时间外", "outside hours"),
}
DAILY: Catalogue = {
    "day": Text("日期", "Day"),
    "note": Text(
        "只列有中断、剔除、无数据或无服务时间的日子；未列出的日子服务时间全部正常。",
        "Only days with outages, exclusions, time without data or no service time; on all others the whole service time "
        "was up.",
    ),
}
EXCUSED: Catalogue = {
    "kind": Text("类别", "Kind"),
    "entry": Text("台账号／中断编号", "Entry or outage"),
    "applied": Text("采用（秒）", "Applied (s)"),
    "notified": Text("通知时间", "Notified"),
    "author": Text("录入人", "Author"),
    "approved_by": Text("审批人", "Approved by"),
    "approved_at": Text("审批时间", "Approved at"),
    "document": Text("凭证", "Document"),
    "reason": Text("未采用原因／判定", "Reason if not, or class"),
    "exclusion": Text("剔除登记", "exclusion"),
    "outage": Text("停电或维护中断", "outage by power or maintenance"),
}
CATALOGUES: tuple[Catalogue, ...] = (FILES, SHEETS, ABOUT, SUMMARY, LEDGER, DAILY, EXCUSED)
