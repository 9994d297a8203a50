// Validates an AsyncAPI document with the AsyncAPI initiative's own parser: node validate.mjs FILE
import { readFileSync } from 'node:fs';
import { DiagnosticSeverity, Parser } from '@asyncapi/parser';

const file = process.argv[2];
if (!file) {
  console.log('usage: node validate.mjs FILE');
  process.exit(2);
}
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
for (const { severity, path, message } of diagnostics) {
  console.log(`${DiagnosticSeverity[severity] ?? severity}: ${path.join('/')}: ${message}`);
}
const errors = diagnostics.filter(({ severity }) => severity === 0).length;
if (!document || errors > 0) {
  console.log(`${file} is not a valid AsyncAPI document: ${errors} error(s)`);
  process.exit(1);
}
console.log(`${file} is a valid AsyncAPI ${document.version()} document with ${document.channels().all().length} channels`);
