import { html, LitElement, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { sheets } from '../stylesheets';
import own from './code-block.css?inline';

const SHOWN_MS = 2_000;

@customElement('code-block')
export class CodeBlock extends LitElement {
  static override styles = sheets(own);

  @property() code = '';
  @property() hook = '';
  @state() private outcome = '';

  override render(): TemplateResult {
    return html`<div class="frame">
      <pre tabindex="0"><code data-testid=${this.hook}>${this.code}</code></pre>
      <button type="button" @click=${this.copy}>${this.outcome || 'Copy'}</button>
      <span class="unseen" role="status">${this.outcome}</span>
    </div>`;
  }

  // The clipboard needs https or localhost; elsewhere the text is selected, ready for the keyboard.
  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.code);
      this.outcome = 'Copied';
    } catch {
      this.selectText();
      this.outcome = 'Selected: press Ctrl+C';
    }
    setTimeout(() => (this.outcome = ''), SHOWN_MS);
  }

  private selectText(): void {
    const code = this.renderRoot.querySelector('code');
    if (code) getSelection()?.selectAllChildren(code);
  }
}
