"use strict";
/* Alarms (異常通報) as the viewer reads them: what a box told, from its code and values. What has no code, a ticket
   or an alarm of a box of contract 1.1, is told in Chinese by the kind of alarm that its key names. */
const Alarms = (() => {
/** What kind it is and what to do, in Chinese; null where the reader wants English or the kind is not known. */
function known(kind) {
  const code = `fleet.alarm.${kind}`;
  if (Words.locale === "en" || Words.template(code) === null) return null;
  return {what: Words.template(code), action: Words.template(`${code}.action`)};
}

/** Both with what the key names, or null as above. */
function byKind(key) {
  const [kind, ...about] = key.split(":");
  const found = known(kind);
  return found && {what: about.length ? `${found.what}：${about.join(":")}` : found.what, action: found.action};
}

const told = ({text, code, values}) => ({text, code, values});
const advice = ({action, action_code: code, action_values: values}) => ({text: action, code, values});
const coded = alarm => Words.template(alarm.code) !== null;

/** What it is about, and what to do: each as the text of a cell, with what stands small below it. */
function shown(alarm) {
  const kind = coded(alarm) ? null : byKind(alarm.key);
  return kind ? {what: {text: kind.what, sub: alarm.text}, action: {text: kind.action, sub: alarm.action}}
    : {what: {text: Words.read(told(alarm)), sub: alarm.key}, action: Words.read(advice(alarm))};
}

return {
  shown,
  /** What it is about, without what the key names; the key where that is not known. */
  kind: key => known(key.split(":")[0])?.what ?? key,
  /** What is wrong with a camera's picture and sound, each as its alarm has it. */
  wrong: faults => faults.map(one => known(`camera.${one}`)?.what.replace(/^攝影機/, "") ?? one)
    .join(Words.locale === "en" ? ", " : "、"),
  /** In one line, in the language of whoever reads it then. */
  brief: alarm => ({toString: () => coded(alarm) ? Words.read(told(alarm)) : byKind(alarm.key)?.what ?? alarm.text}),
};
})();
