import { html, nothing, type TemplateResult } from 'lit';
import { step } from '../figure';
import type { FirstNonfinite, Run } from '../report';
import { KIND, phaseName } from '../wording';

/** Where the first non-finite value was: the strip of facts under the answer. */
export function nonfiniteFacts(run: Run): TemplateResult | typeof nothing {
  const first = run.first_nonfinite;
  if (first) return strip(first);
  if (run.first_step === null || run.last_step === null) return nothing;
  return html`<dl>
    ${fact('Steps read', `${step(run.first_step)} to ${step(run.last_step)}`)} ${fact('Non-finite values', 'none')}
  </dl>`;
}

function strip(first: FirstNonfinite): TemplateResult {
  return html`<dl>
    <div>
      <dt>First non-finite step</dt>
      <dd class="bad" data-testid="first-bad-step">${step(first.step)}</dd>
    </div>
    ${fact('Value', KIND[first.kind] ?? first.kind)} ${fact('Phase', phaseName(first.phase))} ${fact('Where', first.where || first.tag)}
    ${fact('Last finite step', first.last_finite_step === null ? 'none' : step(first.last_finite_step))}
  </dl>`;
}

function fact(name: string, value: string): TemplateResult {
  return html`<div>
    <dt>${name}</dt>
    <dd class="clip" title=${value}>${value}</dd>
  </div>`;
}
