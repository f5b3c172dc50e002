import { html, LitElement, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { figure, step } from '../figure';
import type { Evidence } from '../report';
import { sheets } from '../stylesheets';
import own from './evidence-table.css?inline';

@customElement('evidence-table')
export class EvidenceTable extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) evidence: Evidence[] = [];

  override render(): TemplateResult {
    return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Signal</th>
            <th scope="col" class="amount">Step</th>
            <th scope="col" class="amount">Observed</th>
            <th scope="col">Why it counts</th>
          </tr>
        </thead>
        <tbody>
          ${this.evidence.map(row)}
        </tbody>
      </table>
    </div>`;
  }
}

function row(item: Evidence): TemplateResult {
  const bad = item.observed !== null && !Number.isFinite(item.observed);
  return html`<tr data-testid="evidence-row">
    <th scope="row">
      <span class="clip mono" title=${item.signal}>${item.signal}</span>
      <span class="clip muted" title=${item.where}>${item.where}</span>
    </th>
    <td class="amount" data-label="Step">${step(item.step)}</td>
    <td class="amount ${bad ? 'bad' : ''}" data-label="Observed">${figure(item.observed)}</td>
    <td>
      <strong>${item.claim}</strong>
      <p class="muted">${item.because}</p>
    </td>
  </tr>`;
}
