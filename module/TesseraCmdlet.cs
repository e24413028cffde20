using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>What every cmdlet of the module has: one way to report a failure, and paths as PowerShell sees them.</summary>
public abstract class TesseraCmdlet : PSCmdlet
{
    private bool? _isVerbose;

    /// <summary>Asks whether to go on, under -WhatIf and -Confirm, without repeating a token that was given for a name or in a path.</summary>
    /// <param name="target">What would be changed.</param>
    /// <param name="action">How.</param>
    private protected new bool ShouldProcess(string target, string action) =>
        base.ShouldProcess(Redaction.Redact(target), Redaction.Redact(action));

    /// <summary>Whether somebody may hear what was done. Asked once a command, as the engine does, so that a long pipeline makes no sentences for nobody.</summary>
    private protected bool IsVerbose => _isVerbose ??=
        MyInvocation.BoundParameters.ContainsKey("Debug")
        || (MyInvocation.BoundParameters.TryGetValue("Verbose", out object? verbose)
            ? LanguagePrimitives.IsTrue(verbose)
            : !LanguagePrimitives.TryConvertTo(SessionState.PSVariable.GetValue("VerbosePreference"), out ActionPreference preference)
                || preference is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore));

    /// <summary>Says what was done, likewise.</summary>
    /// <param name="text">A sentence.</param>
    private protected new void WriteVerbose(string text) => base.WriteVerbose(Redaction.Redact(text));

    /// <summary>Does one thing of several: a failure becomes an error record, and the others go on.</summary>
    /// <param name="target">What the thing is about, for the error record; never a secret.</param>
    /// <param name="action">The thing to do.</param>
    private protected void Attempt(object? target, Action action)
    {
        try
        {
            action();
        }
        catch (TesseraException exception)
        {
            WriteError(Errors.From(exception, target, (MyInvocation.MyCommand as CmdletInfo)?.Noun));
        }
        catch (ObjectDisposedException exception)
        {
            WriteError(Errors.StoreClosed(exception));
        }
        catch (OperationCanceledException) when (Stopping)
        {
            // By the user, who needs no error to know it.
        }
    }

    /// <summary>Says whether a secret can be read, and writes an error that does not repeat it where it can't.</summary>
    /// <param name="secret">The bound value; null where the parameter was not given.</param>
    /// <param name="parameter">The parameter's name.</param>
    private protected bool IsUsable(SecretText? secret, string parameter)
    {
        if (secret?.Refusal is not { } refusal)
        {
            return true;
        }

        WriteError(Errors.InvalidArgument(parameter, $"-{parameter} takes a string or a SecureString. {refusal}"));
        return false;
    }

    /// <summary>Like <see cref="IsUsable"/>, for a password: an empty one would not be told from none.</summary>
    /// <param name="password">The bound value; null where the parameter was not given.</param>
    private protected bool IsUsablePassword(SecretText? password)
    {
        const string Parameter = "Password";
        if (!IsUsable(password, Parameter))
        {
            return false;
        }

        if (password is { IsEmpty: true })
        {
            WriteError(Errors.InvalidArgument(Parameter, $"-{Parameter} may not be empty. Leave it out for an identity without a password; Set-TesseraIdentity -NoPassword takes one away."));
            return false;
        }

        return true;
    }

    /// <summary>The full path of the default store; an error that ends the command where the user has no place for one.</summary>
    private protected string DefaultPath()
    {
        try
        {
            return DefaultStore.FromEnvironment is { } path ? ResolveFilePath(path) : DefaultStore.InDataFolder;
        }
        catch (StoreException exception)
        {
            ThrowTerminatingError(Errors.From(exception, DefaultStore.EnvironmentVariable));
            throw;
        }
    }

    /// <summary>Turns a path into a full one, from PowerShell's own location and not the process's current folder.</summary>
    /// <param name="path">A path as the user wrote it. Wildcards in it are ordinary characters.</param>
    /// <returns>The full path in the file system; nothing need be there.</returns>
    private protected string ResolveFilePath(string path)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            ThrowTerminatingError(Errors.InvalidArgument("Path", "A path may not hold the character NUL."));
        }

        string fullPath;
        ProviderInfo provider;
        try
        {
            fullPath = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out provider, out _);
        }
        catch (Exception exception) when (exception is SessionStateException or ProviderInvocationException or PSInvalidOperationException)
        {
            ThrowTerminatingError(Errors.UnresolvedPath(path, exception));
            throw;
        }

        if (provider.ImplementingType != typeof(Microsoft.PowerShell.Commands.FileSystemProvider))
        {
            ThrowTerminatingError(Errors.NotAFilePath(path, provider.Name));
        }

        return fullPath;
    }
}
