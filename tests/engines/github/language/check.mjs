// Check workflows and actions as GitHub's own editor service does: node language.cjs ACTIONS FILE…
// ACTIONS is a JSON file {"owner/name": "folder with the action"}; an action that is not in it cannot be resolved, which is a finding.
import { readFileSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { registerLogger, validate } from "@actions/languageservice";
import { clearCache } from "@actions/languageservice/utils/workflow-cache";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parse } from "yaml";

const [actions, ...files] = process.argv.slice(2);
const folders = JSON.parse(readFileSync(actions, "utf8"));
const levels = { 1: "error", 2: "warning", 3: "information", 4: "hint" };
let found = 0;

function tell(line) {
  console.log(line);
  found += 1;
}

// The service swallows its own exceptions and then finds nothing: they count.
const swallowed = (message) => tell(`internal: ${message}`);
registerLogger({ error: swallowed, warn: swallowed, info() {}, log() {}, debug() {} });

async function fetchActionMetadata({ owner, name, path }) {
  const folder = folders[`${owner}/${name}`];
  const file = folder && join(folder, path ?? "", "action.yml");
  return file && existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined;
}

async function check(file) {
  const document = TextDocument.create(`file://${resolve(file)}`, "yaml", 1, readFileSync(file, "utf8"));
  clearCache();
  for (const { severity = 1, range, message } of await validate(document, { actionsMetadataProvider: { fetchActionMetadata } })) {
    if (severity <= 2) tell(`${file}:${range.start.line + 1}: ${levels[severity]}: ${message}`);
  }
}

async function main() {
  for (const file of files) await check(file);
  process.exitCode = found ? 1 : 0;
}

main();
