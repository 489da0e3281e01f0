"use strict";
/* What the page says, in Traditional Chinese and English, and how it writes numbers, spans and times. */
const Words = (() => {
const CHINESE = "zh-Hant", ENGLISH = "en", KEPT_AS = "edged.language";
const S = 1000, MINUTE = 60 * S, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

const WORDS = {
  title: ["監視錄影總覽", "Fleet of recorders"],
  skip: ["跳到內容", "Skip to the content"],
  settings: ["設定", "Settings"],
  overview: ["總覽", "Overview"],
  filters: ["篩選", "Filters"],
  "by-state": ["依狀態篩選", "Filter by state"],
  "only-reads": ["本頁只讀取，不下任何命令。", "This page only reads; it sends no command."],
  other: ["English", "中文"],
  // states
  all: ["全部", "All"],
  ok: ["正常", "OK"],
  attention: ["注意", "Attention"],
  critical: ["異常", "Critical"],
  offline: ["離線", "Offline"],
  reading: ["讀取中", "Reading"],
  // the link
  connecting: ["正在連線至 {}", "Connecting to {}"],
  connected: ["已連線 {}", "Connected to {}"],
  lost: ["與中央 broker（{}）的連線自 {} 起中斷，正在重新連線。以下是中斷前的情形，不是現況。",
    "No connection to the broker {} since {}; trying again. What you see is from before, not from now."],
  unreachable: ["無法連線至中央 broker（{}），持續嘗試中。", "The broker {} cannot be reached; still trying."],
  "bad-broker": ["網址中的 ?broker= 必須是 ws:// 或 wss:// 開頭的位址，例如 ?broker=wss://broker.example/mqtt。",
    "?broker= must be an address that begins with ws:// or wss://, such as ?broker=wss://broker.example/mqtt."],
  refused: ["broker 不接受訂閱：此帳號沒有讀取 {} 的權限。", "The broker refuses: this account may not read {}."],
  login: ["登入", "Log in"],
  logout: ["登出 {}", "Log out {}"],
  user: ["帳號", "User"],
  password: ["密碼", "Password"],
  cancel: ["取消", "Cancel"],
  "login-why": ["{} 需要帳號與密碼。", "{} wants a user and a password."],
  "login-wrong": ["{} 不接受這組帳號與密碼。", "{} does not accept this user and password."],
  "login-hint": ["帳號與密碼只保留到關閉分頁為止。", "Kept until this tab is closed, and nowhere else."],
  "login-plain": ["這條連線沒有加密（ws://），密碼會以明文傳送。",
    "This connection is not encrypted (ws://): the password travels in clear."],
  // the list
  boxes: ["主機", "Boxes"],
  name: ["主機", "Box"],
  state: ["狀態", "State"],
  heard: ["最後消息", "Last heard"],
  working: ["妥善率", "Cameras working"],
  coverage: ["錄影完整率", "Coverage 24 h"],
  gaps: ["中斷 24 h", "Gaps 24 h"],
  kept: ["已保存", "Kept"],
  alarms: ["異常通報", "Alarms"],
  checkpoint: ["稽核軌跡簽章", "Ledger checkpoint"],
  search: ["搜尋", "Search"],
  office: ["機關", "Office"],
  sort: ["排序", "Sort by"],
  worst: ["最嚴重優先", "Worst first"],
  "all-offices": ["全部機關", "All offices"],
  "any-alarms": ["不限", "Any"],
  "open-alarms": ["有異常通報", "With open alarms"],
  "unseen-alarms": ["有未確認的", "To be acknowledged"],
  condition: ["情況", "Condition"],
  "under-maintenance": ["維護中", "Under maintenance"],
  "with-faults": ["有未結報修", "With open faults"],
  shown: ["顯示 {} 台，共 {} 台", "{} of {} boxes shown"],
  "full-fleet": ["主機過多，其餘未顯示。", "There are more boxes than this page shows."],
  "no-boxes": ["broker 上還沒有任何主機的訊息。", "No box has told this broker anything yet."],
  "none-match": ["沒有符合條件的主機。", "No box matches."],
  totals: ["攝影機 {} / {} 妥善（{}）・錄影完整率 {}・未結異常通報 {}",
    "{} of {} cameras working ({}) · coverage {} · {} open alarms"],
  "totals-under": ["・維護中 {} 台", " · {} under maintenance"],
  "totals-mend": ["・待修 {} 件", " · {} faults to mend"],
  "totals-note": ["（不含離線主機）", " (without boxes that are offline)"],
  group: ["{}：{} 台・妥善 {} / {}", "{}: {} boxes · {} of {} cameras working"],
  lowest: ["最低 {}", "lowest {}"],
  bounds: ["期限 {}–{} 天", "bounds {}–{} d"],
  forecast: ["預估 {} 天", "forecast {} d"],
  days: ["{} 天", "{} d"],
  unseen: ["{} 項未確認", "{} to acknowledge"],
  under: ["維護中（{}）至 {}", "maintenance ({}) until {}"],
  "whole-box": ["整台主機", "the whole box"],
  held: ["暫緩 {}", "{} held back"],
  "to-mend": ["待修 {}", "{} to mend"],
  "to-close": ["待結案 {}", "{} to close"],
  leaves: ["第 {} 筆", "{} leaves"],
  none: ["無", "none"],
  "not-now": ["離線前：", "before: "],
  never: ["從未", "never"],
  // why a box is not in order
  "said-offline": ["連線中斷", "connection lost"],
  "said-stopping": ["已正常停止", "was stopped"],
  silent: ["超過 {} 秒沒有消息", "silent for more than {} s"],
  unheard: ["重新連線後尚無消息", "not heard since the connection came back"],
  alarm: ["{}", "{}"],
  "cameras-down": ["攝影機無畫面：{}", "cameras down: {}"],
  "cameras-starting": ["攝影機啟動中：{}", "cameras starting: {}"],
  "cameras-degraded": ["攝影機品質不佳：{}", "cameras degraded: {}"],
  "cameras-worked-on": ["維護中沒有錄影：{}", "worked on and not recorded: {}"],
  "camera-faulty": ["{}：{}", "{}: {}"],
  "maintenance-late": ["維護預定 {} 結束，至今沒有結束的消息",
    "maintenance was to end at {}; nothing was heard of its end"],
  "cameras-untold": ["攝影機沒有健康資料：{}", "cameras without health: {}"],
  "no-camera": ["沒有啟用的攝影機", "no camera is enabled"],
  "volumes-gone": ["錄影硬碟離線或已失：{}", "volumes away or lost: {}"],
  "volumes-full": ["錄影硬碟已滿：{}", "volumes full: {}"],
  "not-compliant": ["保存期限不符：{}", "kept too short or too long: {}"],
  "floor-at-risk": ["{} 天內將無法維持最低保存期限", "the floor cannot be kept in {} d"],
  unexplained: ["未錄影且原因不明 {} 秒（24 h）", "{} s of 24 h missing without a cause"],
  "clock-unsynced": ["主機未校時", "the box's clock is not in sync"],
  "clock-off": ["主機時鐘與本機相差 {} 分鐘", "the box's clock is {} min away from this computer's"],
  defective: ["{} 則訊息有誤", "{} messages are defective"],
  flood: ["同類訊息過多，僅顯示前 {} 項", "too many messages of one kind: only the first {} are shown"],
  "no-birth": ["主機沒有自我介紹", "the box has not introduced itself"],
  // a box
  back: ["‹ 返回總覽", "‹ All boxes"],
  "no-such-box": ["沒有這台主機的訊息：{}", "Nothing is known of this box: {}"],
  "box-stale": ["以下是 {} 的情形，不是現況。", "What follows is from {}, not from now."],
  "under-full": ["維護中：{}，{} 開始，至遲 {} 自動結束。",
    "Maintenance of {}, from {}; it ends by itself at {} at the latest."],
  "under-held": ["暫緩通報 {} 項，結束時仍異常者立即通報。",
    "{} alarms are held back, and raised then if they still stand."],
  "under-why": ["事由與人員不離開主機，請在主機上查詢：edgectl maintenance",
    "Who and why stays on the box: edgectl maintenance"],
  "worked-on": ["維護中", "worked on"],
  node: ["代號", "Node"],
  version: ["edged 版本", "edged"],
  profile: ["設定檔", "Profile"],
  timezone: ["時區", "Time zone"],
  started: ["啟動時間", "Running since"],
  clock: ["時鐘", "Clock"],
  synced: ["已校時", "in sync"],
  unsynced: ["未校時", "not in sync"],
  disk: ["硬碟", "Disk"],
  "disk-free": ["可用 {} / {}", "{} of {} free"],
  outbox: ["待送訊息", "Messages waiting"],
  cameras: ["攝影機", "Cameras"],
  camera: ["攝影機", "Camera"],
  reason: ["原因", "Reason"],
  picture: ["畫面", "Picture"],
  volumes: ["錄影硬碟", "Volumes"],
  volume: ["錄影硬碟", "Volume"],
  used: ["已用", "Used"],
  limit: ["上限 {}", "limit {}"],
  free: ["剩餘", "Free"],
  segments: ["錄影檔", "Segments"],
  "full-in": ["{} 天後滿", "full in {} d"],
  severity: ["程度", "Severity"],
  text: ["內容", "What"],
  action: ["處置", "What to do"],
  since: ["始於", "Since"],
  count: ["次數", "Count"],
  acknowledged: ["已確認", "acknowledged"],
  "not-acknowledged": ["未確認", "not acknowledged"],
  tickets: ["報修", "Faults"],
  ticket: ["報修", "Fault"],
  about: ["對象", "What"],
  stage: ["進度", "Stage"],
  found: ["發現", "Found"],
  "ticket-found": ["待報修", "found"],
  "ticket-reported": ["已報修", "reported"],
  "ticket-repaired": ["已修復，待查驗", "repaired"],
  "ticket-over": ["已恢復，待結案", "over, to be closed"],
  "by-person": ["人員發現", "found by a person"],
  "this-box": ["主機", "the box"],
  pins: ["證據保存", "Pins"],
  pin: ["證據保存", "Pin"],
  footage: ["錄影期間", "Footage"],
  until: ["保存至", "Kept until"],
  provisional: ["待核可", "provisional"],
  approved: ["已核可", "approved"],
  law: ["依法", "law"],
  investigation: ["偵查", "investigation"],
  internal: ["內部調查", "internal"],
  defects: ["有誤的訊息", "Defective messages"],
  topic: ["主題", "Topic"],
  defect: ["錯誤", "Defect"],
  "checkpoint-none": ["尚無", "none yet"],
  // what a message may lack
  "too-big": ["超過 {} 位元組", "larger than {} bytes"],
  "not-text": ["不是 UTF-8 文字", "not UTF-8 text"],
  "not-json": ["不是 JSON", "not JSON"],
  "not-object": ["不是 JSON 物件", "not a JSON object"],
  field: ["欄位 {} 缺少或不合理", "field {} is missing or absurd"],
  "other-name": ["內容的 {} 與主題不符", "its {} is not that of the topic"],
  // values of payloads
  recording: ["錄影中", "recording"],
  degraded: ["品質不佳", "degraded"],
  down: ["無畫面", "down"],
  disabled: ["停用", "disabled"],
  "in-service": ["使用中", "in service"],
  full: ["已滿", "full"],
  away: ["離線", "away"],
  retired: ["已退役", "retired"],
  gone: ["已失", "lost"],
  info: ["訊息", "info"],
  warning: ["注意", "warning"],
};

let tongue = CHINESE, formats;

/** Kept in this browser, where it lets us; without a choice Traditional Chinese. */
function recall() {
  try { speak(localStorage.getItem(KEPT_AS) === ENGLISH ? ENGLISH : CHINESE); } catch { speak(CHINESE); }
}

function toggle() {
  speak(tongue === CHINESE ? ENGLISH : CHINESE);
  try { localStorage.setItem(KEPT_AS, tongue); } catch { /* then it is asked for anew in the next tab */ }
}

function speak(wanted) {
  tongue = wanted;
  const locale = tongue === CHINESE ? "zh-Hant-TW" : "en-GB";
  const at = {hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
  const date = tongue === CHINESE
    ? {calendar: "roc", year: "numeric", month: "long", day: "numeric"}
    : {year: "numeric", month: "short", day: "numeric"};
  formats = {
    number: new Intl.NumberFormat(locale, {maximumFractionDigits: 0}),
    short: new Intl.NumberFormat(locale, {maximumFractionDigits: 1}),
    relative: new Intl.RelativeTimeFormat(locale, {numeric: "always"}),
    when: new Intl.DateTimeFormat(locale, {...date, ...at}),
    clock: new Intl.DateTimeFormat(locale, {...at, second: "2-digit"}),
    hour: new Intl.DateTimeFormat(locale, at),
    collator: new Intl.Collator(locale, {numeric: true}),
  };
}

/** The words for `key` with each {} filled in turn; a key without words is said as it is. */
function say(key, ...values) {
  const words = Object.hasOwn(WORDS, key) ? WORDS[key][tongue === CHINESE ? 0 : 1] : key;
  return words.replaceAll("{}", () => String(values.shift() ?? ""));
}

/** Cut to a tenth, never rounded up: 99.97 % is not all, and 30.98 days are not 31. */
const tenths = value => formats.short.format(Math.floor(value * 10 + 1e-6) / 10);
const percent = share => share === null ? "–" : `${tenths(share * 100)} %`;
const days = seconds => seconds === null ? "–" : tenths(seconds / 86400);

function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit++) count /= 1000;
  return `${formats.short.format(count)} ${units[unit]}`;
}

/** How long ago; within the first minute in steps of ten seconds, so that the list is calm. */
function ago(then, now) {
  if (then === null) return say("never");
  const span = Math.max(0, now - then);
  const [size, unit] = span < MINUTE ? [10 * S, "second"] : span < HOUR ? [MINUTE, "minute"]
    : span < 2 * DAY ? [HOUR, "hour"] : [DAY, "day"];
  const steps = Math.floor(span / size);
  return formats.relative.format(-(unit === "second" ? Math.max(1, steps) * 10 : steps), unit);
}

recall();
return {
  say, toggle, percent, days, bytes, ago,
  number: value => formats.number.format(value),
  tenth: value => formats.short.format(value),
  when: ms => ms === null ? "–" : formats.when.format(ms),
  clock: ms => formats.clock.format(ms),
  hour: ms => formats.hour.format(ms),
  compare: (one, other) => formats.collator.compare(one, other),
  get locale() { return tongue === CHINESE ? "zh-Hant-TW" : "en"; },
};
})();
