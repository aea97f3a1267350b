// browser.mjs - runs the script of the console's page with just enough of a browser around it, against a running server.
//
//     node browser.mjs http://127.0.0.1:PORT [token=T] [type=ID=TEXT | click=TEXT ...]
//
// Prints the text of every element with an id, as JSON, after the page has loaded and each click has been served. Fails as
// a browser would where the script does not parse beside the names that a window has.
import vm from 'node:vm'

class Element {
  constructor(kind) { Object.assign(this, { kind, children: [], dataset: {}, own: '', value: '', className: '', heard: {} }) }
  set textContent(text) { this.own = String(text); this.children = [] }
  get textContent() { return this.own + this.children.map(child => child.textContent).join('|') }
  append(...more) { this.children.push(...more) }
  replaceChildren(...all) { this.own = ''; this.children = all }
  addEventListener(name, act) { this.heard[name] = act }
  find(test) { return test(this) ? this : this.children.map(child => child.find(test)).find(found => found) }
}

const [base, ...acts] = process.argv.slice(2)
const page = await (await fetch(base + '/')).text()
const [, kind, script] = /<script([^>]*)>([\s\S]*)<\/script>/.exec(page)
const byId = Object.fromEntries([...page.matchAll(/<(\w+)[^>]* id="(\w+)"/g)].map(([, tag, id]) => [id, new Element(tag)]))
const buttons = [...page.matchAll(/<button data-path="([^"]+)">([^<]*)</g)].map(([, path, text]) => {
  const button = new Element('button')
  button.dataset.path = path
  button.textContent = text
  return button
})
const tokens = acts.filter(act => act.startsWith('token=')).map(act => act.slice(6))
const document = new Element('document')
document.getElementById = id => byId[id] ?? null
document.createElement = tag => new Element(tag)

const window = { document, setInterval() {}, prompt: () => tokens.shift() ?? null, Date, Object, Number, String, BigInt,
  fetch: (path, options) => fetch(base + path, options) }
vm.createContext(window)
// Names of a window that no script may declare again.
vm.runInContext("for (const name of ['top', 'window', 'location']) Object.defineProperty(globalThis, name, { value: {} })", window)
if (/type="module"/.test(kind)) await vm.runInContext(`(async () => { ${script} })()`, window)
else vm.runInContext(script, window)

for (const act of acts.filter(one => !one.startsWith('token='))) {
  const [what, id, text] = act.split('=')
  if (what === 'type') {
    byId[id].value = text
    byId[id].heard.input()
    continue
  }
  const target = [...buttons, ...Object.values(byId)].map(one => one.find(e => e.kind === 'button' && e.textContent === id)).find(e => e)
  if (!target) throw new Error(`no button '${id}'`)
  await document.heard.click({ target })
}
const rows = byId.strategies.children.map(row => row.children.map(cell => cell.textContent))
console.log(JSON.stringify({ ...Object.fromEntries(Object.entries(byId).map(([id, e]) => [id, e.textContent])), rows }))
