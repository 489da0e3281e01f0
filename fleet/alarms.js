"use strict";
/* 異常通報 in Chinese: what each kind of alarm is about, and what to do. Boxes say it in English, which is shown below. */
const Alarms = (() => {
/** By key, without what stands behind its colon. */
const CHINESE = {
  "camera.down": ["攝影機沒有在錄影", "檢查攝影機的電源與網路；下方為主機得到的回應"],
  "camera.degraded": ["攝影機畫面不符設定或不穩定", "檢查攝影機的設定與網路"],
  "camera.black": ["攝影機畫面全黑", "檢查鏡頭（鏡頭蓋、噴漆、遮布）、現場照明與攝影機本身"],
  "camera.white": ["攝影機畫面過曝成白", "檢查是否有強光照射鏡頭，以及攝影機的曝光設定"],
  "camera.flat": ["攝影機畫面只剩單一色調", "檢查鏡頭是否被蓋住；若否，感光元件可能故障"],
  "camera.frozen": ["攝影機畫面停格，串流仍在", "重新啟動攝影機；若仍反覆發生則更換"],
  "camera.blurred": ["攝影機畫面模糊", "清潔鏡頭，再調整對焦"],
  "camera.covered": ["攝影機視野大部分被遮住", "檢查鏡頭前方的遮蔽物（含蛛網、樹葉）"],
  "camera.moved": ["攝影機拍攝方向與基準不符", "查明是否有人調整；轉回原方向，或重新設定基準（edgectl reference set）"],
  "camera.colourless": ["攝影機白天畫面沒有彩色", "檢查日夜模式設定與紅外線濾片"],
  "camera.silent": ["攝影機有聲音訊號但完全無聲", "檢查麥克風、接頭與攝影機的收音音量"],
  "camera.clipped": ["攝影機聲音過大而失真", "調低攝影機的收音音量"],
  "camera.mute": ["攝影機不再送出聲音", "檢查攝影機是否開啟收音，再檢查麥克風"],
  "camera.drift": ["攝影機聲音與畫面不同步", "重新啟動攝影機；仍不同步則更新韌體"],
  "camera.unjudged": ["攝影機有錄影，但畫面無法判讀", "以 edgectl snapshot 確認畫面，再檢查攝影機韌體與編碼"],
  "device.fault": ["同一設備（NVR）後面的攝影機都沒有錄影", "檢查該設備的電源、網路與帳號"],
  "storage.away": ["錄影硬碟無法使用", "檢查硬碟、接線與掛載；確定損壞時以新硬碟替換（edgectl volume replace）"],
  "storage.failing": ["錄影硬碟無法寫入，攝影機沒有錄影", "檢查硬碟、接線與掛載；硬碟有錯誤即更換"],
  "storage.full": ["錄影硬碟已滿，裡面的錄影都還在最低保存期限內", "增加硬碟，或檢查是否有其他程式占用空間"],
  "storage.lost": ["錄影硬碟永久失去，裡面的錄影也一併失去", "記錄於案，並通知主管機關"],
  "storage.tampered": ["錄影檔被人更動或移走", "查明是誰、如何更動；保留現場，執行 edgectl fsck"],
  "storage.slow": ["硬碟寫入過慢，斷電時可能失去較多畫面", "檢查硬碟健康與其他使用者"],
  "storage.ballast": ["預留給資料庫的空間已動用", "清出空間"],
  "retention.floor-at-risk": ["即將無法保存到最低保存期限", "增加硬碟，或降低攝影機的位元率"],
  "retention.floors-do-not-fit": ["硬碟容量不足以保存到最低保存期限", "增加硬碟，或降低攝影機的位元率"],
  "retention.floor-broken": ["有錄影未滿最低保存期限即被覆寫", "記錄於案，並增加硬碟"],
  "retention.overwriting": ["即將開始覆寫未滿最低保存期限的錄影", "若非本意，改回 on_full = \"stop\""],
  "retention.loosening": ["設定檔放寬了規定，須兩人同意後才生效", "由另一人核可（edgectl approve），或改回設定"],
  "retention.ceiling-shortened": ["銷毀期限縮短，一日後生效", "若非本意，在生效前改回設定"],
  "retention.ceiling-unproven": ["可能有錄影超過銷毀期限，因無法證明停機多久而保留", "由兩人證明停機時間（edgectl boots attest）"],
  "pin.unapproved": ["證據保存尚無人核可，即將失效", "由另一人核可（edgectl pin approve）"],
  "pin.ending": ["證據保存即將到期", "仍需要時申請延長（edgectl pin extend）"],
  "pin.adopted": ["硬碟上發現一筆來歷未完的證據保存", "確認是否需要；需要則核可，不需要則解除"],
  "pin.unvouched": ["硬碟上發現一筆不是本機簽署的證據保存", "查明來源；30 日後不再保留"],
  "pin.unfiled": ["證據保存的檔案沒有完整寫到硬碟", "檢查硬碟空間與狀況"],
  "pin.unread": ["讀不到硬碟上的證據保存，該硬碟停止銷毀", "檢查硬碟"],
  "ledger.unsigned": ["稽核軌跡沒有簽章", "檢查金鑰檔案（edgectl ledger）"],
  "ledger.exposed": ["其他帳號可能讀得到本機的簽章金鑰", "修正檔案權限，並換新金鑰（edgectl ledger renew）"],
  "ledger.damaged": ["稽核軌跡缺漏", "執行 edgectl ledger verify，並通知中央"],
  "ledger.tampered": ["稽核軌跡被更動", "保留現場，執行 edgectl ledger verify，並通知中央"],
  "ledger.contradicted": ["中央保存的簽章與本機的稽核軌跡不符", "保留現場，查明本機是否被還原或更動"],
  "ledger.unwritten": ["稽核軌跡無法寫到硬碟", "檢查硬碟"],
  "database.rebuilt": ["資料庫遺失，正在或已經由硬碟重建", "查明遺失原因；重建期間照常錄影"],
  "journal.owed": ["有人的操作尚未寫入紀錄", "檢查主機的系統硬碟"],
  "roles.clash": ["有帳號同時屬於操作與核可的群組，兩者都不算", "將帳號移出其中一個群組"],
  "roles.unknown-group": ["設定中的群組不存在", "建立群組或修正設定"],
  "roles.readers": ["有帳號可以繞過紀錄直接讀取錄影", "將帳號移出 edged 群組"],
  "clock.stepped": ["主機時鐘被大幅調整；錄影照常，不因此銷毀", "檢查校時來源"],
  "mqtt.down": ["主機連不到中央", "檢查網路與 broker"],
  "mqtt.refused": ["中央的 broker 拒收主機的部分訊息", "檢查 broker 的存取規則"],
  "mqtt.unheard": ["事件等候超過一日，中央沒有程式接收", "檢查中央接收事件的程式是否在執行"],
  "mqtt.certificate": ["連線憑證即將到期或有問題", "依下方說明更換憑證"],
  "fault.unreported": ["故障逾一日尚未報修", "請報修並登錄：edgectl faults report"],
  "fault.overdue": ["故障逾兩週尚未修復", "請向維修廠商查詢進度"],
  internal: ["主機程式內部錯誤", "聯絡維護人員，附上主機日誌"],
};

/** What it is about and what to do, or null where the reader wants English or the kind is not known. */
const known = kind => Words.locale !== "en" && Object.hasOwn(CHINESE, kind) ? CHINESE[kind] : null;

/** Both in Chinese with what the key names, or null as above. */
function chinese(key) {
  const [kind, ...about] = key.split(":");
  if (known(kind) === null) return null;
  const [what, action] = known(kind);
  return {what: about.length ? `${what}：${about.join(":")}` : what, action};
}

return {
  chinese,
  /** What it is about, without what the key names; the key where that is not known. */
  kind: key => known(key.split(":")[0])?.[0] ?? key,
  /** What is wrong with a camera's picture and sound, each as its alarm has it. */
  wrong: faults => faults.map(one => known(`camera.${one}`)?.[0].replace(/^攝影機/, "") ?? one)
    .join(Words.locale === "en" ? ", " : "、"),
  /** In one line, in the language of whoever reads it then. */
  brief: ({key, text}) => ({toString: () => chinese(key)?.what ?? text}),
};
})();
