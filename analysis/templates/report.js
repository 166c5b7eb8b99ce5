// What the scripts of a report share; all of them run within one function.
// Every text of a model or a person is put into the page as text (textContent), never as HTML.
const LONG = 4000; // characters of a text that are shown at once
const MARKED = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

// ---- text ----------------------------------------------------------------------------------------------------------------------------

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// Text on its own, so that its direction moves nothing around it, with what cannot be seen named.
function visible(text) {
  const whole = element("bdi");
  let from = 0;
  for (const match of text.matchAll(MARKED)) {
    whole.append(text.slice(from, match.index));
    whole.append(element("span", "mark", "U+" + match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
    from = match.index + match[0].length;
  }
  whole.append(text.slice(from));
  return whole;
}

function paragraph(className, text, name = "p") {
  const made = element(name, className, visible(text.slice(0, text.length > LONG ? LONG / 4 : LONG)));
  if (text.length > LONG) {
    const more = element("button", "", `… show all ${text.length.toLocaleString("en")} characters`);
    more.type = "button";
    more.addEventListener("click", () => made.replaceChildren(visible(text)));
    made.append(" ", more);
  }
  return made;
}

function details(title, ...children) {
  return element("details", "", element("summary", "", title), ...children);
}

// Options of a list can hold no marks: what cannot be seen is left out of them.
function clean(text) {
  return text.replace(MARKED, "\ufffd").slice(0, 80);
}

// ---- data ----------------------------------------------------------------------------------------------------------------------------

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

const parts = new Map(); // number -> promise of what is in it; only the last few are kept
const waiting = new Map();
window.vsSimPart = (number, base64) => waiting.get(number)?.(base64);

function packed(number) {
  const { folder } = document.getElementById("main").dataset;
  if (!folder) return Promise.resolve(document.getElementById(`part-${number}`).textContent);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${encodeURIComponent(folder)}/part-${number}.js`;
    waiting.set(number, resolve);
    script.addEventListener("load", () => script.remove());
    script.addEventListener("error", () => reject(new Error(`The folder ${folder} must lie beside this file: part-${number}.js is not there.`)));
    document.head.append(script);
  });
}

function part(number) {
  if (!parts.has(number)) {
    parts.set(number, packed(number).then(unpacked));
    if (parts.size > 8) parts.delete(parts.keys().next().value);
  }
  return parts.get(number);
}

// Says what went wrong at a place of the page.
function troubleAt(id, what) {
  return (error) => {
    const place = document.getElementById(id);
    place.hidden = false;
    place.replaceChildren(visible(`${what} cannot be opened: `
      + (typeof DecompressionStream === "undefined" ? "this browser is too old (it has no DecompressionStream)." : error.message)));
  };
}

// ---- candidates ----------------------------------------------------------------------------------------------------------------------

// A candidate; its probabilities are left out where none were asked for.
function road(candidate, drawn, probable = true) {
  const chance = element("div", "chance");
  if (probable) {
    const fill = element("span", "fill");
    fill.style.width = `${100 * candidate.probability}%`;
    const track = element("span", "track", fill);
    track.setAttribute("aria-hidden", "true");
    const stated = candidate.stated === null ? "none stated" : "stated ";
    chance.append(track, `p = ${candidate.probability.toFixed(3)}`, element("span", "", stated, candidate.stated === null ? "" : visible(candidate.stated)));
  }
  if (drawn) chance.append(element("span", "tag said-tag", "drawn"));
  if (candidate.above_tau) chance.append(element("span", "tag", "above tau"));
  if (candidate.n_given > 1) chance.append(element("span", "tag", `given ${candidate.n_given} times`));
  for (const repair of candidate.repairs) chance.append(element("span", "tag", "repaired: ", visible(repair.replaceAll("_", " "))));
  for (const mark of candidate.marks ?? []) chance.append(mark === null ? element("span", "", "no right answer") : element("span", "tag said-tag", visible(mark)));
  return element("li", drawn ? "drawn" : "", paragraph("", candidate.text), chance);
}

// The raw replies that something was read from, to be opened.
function raws(calls) {
  if (!calls?.length) return [];
  return [details(calls.length === 1 ? "Raw reply" : `Raw replies (${calls.length} calls)`, ...calls.flatMap((call) => [
    element("p", "meta", visible(`${call.step}, ${call.model}${call.finish ? `, ended by ${call.finish}` : ""}`)),
    paragraph("", call.text, "pre")]))];
}

// What the stated probabilities of an asking or a turn sum to, and what was mended of the whole.
function wholes(turn) {
  const sum = turn.sum === null ? "" : ` The stated probabilities sum to ${turn.sum}.`;
  const repairs = turn.repairs.length ? ` Repairs of the whole: ${turn.repairs.join(", ").replaceAll("_", " ")}.` : "";
  return sum || repairs ? [element("p", "meta", visible((sum + repairs).trim()))] : [];
}

function failureBox(title, failure) {
  return element("div", "turn failure", element("p", "who", visible(title)), paragraph("said", failure.message),
    ...(failure.raw ? [details("The reply that could not be read", paragraph("", failure.raw, "pre"))] : []));
}

// ---- lists -----------------------------------------------------------------------------------------------------------------------------

function heads(table, names) {
  table.tHead.replaceChildren(element("tr", "", ...names.map((name) => {
    const cell = element("th", "", visible(name));
    cell.scope = "col";
    return cell;
  })));
}

function buttonOf(title, pressed, possible = true) {
  const button = element("button", "", title);
  button.type = "button";
  button.disabled = !possible;
  button.addEventListener("click", pressed);
  return button;
}

// Buttons to the rows before and behind those that a list shows; `go` shows others.
function turning(place, at, size, n, go) {
  const step = (title, to, possible) => buttonOf(title, () => go(to), possible);
  const last = Math.min(at + size, n);
  place.replaceChildren(...(n > size ? [step("Previous", at - size, at > 0), `${at + 1} to ${last}`, step("Next", at + size, last < n)] : []));
}
