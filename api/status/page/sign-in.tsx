/** Asks for the token that the operator port wants to see. It stays in this tab. */
import { useState } from 'preact/hooks'
import { keepCredentials, type Credentials } from './operator-api.ts'

export function SignIn({ onDone }: { onDone: () => void }) {
  const [kind, setKind] = useState<Credentials['kind']>('operator')
  const [token, setToken] = useState('')
  const [wasTried, setTried] = useState(false)
  const submit = (event: Event) => {
    event.preventDefault()
    keepCredentials({ kind, token: token.trim() })
    setTried(true)
    onDone()
  }
  return (
    <main class="sign-in">
      <h1>Serac</h1>
      <form onSubmit={submit}>
        <fieldset class="choices">
          <legend>Who are you?</legend>
          <label>
            <input
              type="radio"
              name="kind"
              checked={kind === 'operator'}
              onChange={() => setKind('operator')}
            />
            I have the token of [operator] token
          </label>
          <label>
            <input
              type="radio"
              name="kind"
              checked={kind === 'keystone'}
              onChange={() => setKind('keystone')}
            />
            I have a token of Keystone, as administrator
          </label>
        </fieldset>
        <label class="field">
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Show the cluster
        </button>
        <p role="status" class="form-word">
          {wasTried ? 'The node does not take this token.' : ''}
        </p>
      </form>
    </main>
  )
}
