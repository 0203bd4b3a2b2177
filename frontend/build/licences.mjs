// The licence texts of the packages whose code ends up in the built files.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const PACKAGE = /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/
// Tabler's package carries Bootstrap's sources; its archive holds no licence file of its own.
const CARRIED = { '@tabler/core': 'with parts of Bootstrap, copyright The Bootstrap Authors, MIT' }
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

function nameAuthor(manifest) {
  const author = manifest.author ?? manifest.name
  return typeof author === 'string' ? author : author.name
}

async function readLicence(manifest, folder) {
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name))
  if (file) return (await readFile(join(folder, file), 'utf8')).trim()
  if (manifest.license === 'MIT') return `Copyright ${nameAuthor(manifest)}\n\n${MIT}`
  throw new Error(`${manifest.name} brings no licence text: add it to build/licences.mjs`)
}

async function describePackage(name, modules) {
  const folder = join(modules, name)
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const note = CARRIED[name] ? ` (${CARRIED[name]})` : ''
  return `${name} ${manifest.version}: ${manifest.license}${note}\n\n${await readLicence(manifest, folder)}\n`
}

/** @param {string[]} sources paths of all files that were read for the built ones */
export async function collectLicences(sources, modules) {
  const names = new Set(sources.map((path) => PACKAGE.exec(path)?.[1].replace('\\', '/')).filter(Boolean))
  const texts = await Promise.all([...names].sort().map((name) => describePackage(name, modules)))
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
